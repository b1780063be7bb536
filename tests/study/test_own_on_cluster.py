"""A network and a data set that are a file beside the study, not installed, on two Ray nodes."""

import os
import subprocess
import sys

import pytest

from tests.ray_nodes import ROOT, Nodes
from trainables import records

pytestmark = pytest.mark.cluster

NETS = """
import numpy as np
from torch import nn

def Net():
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))

def load():
    random = np.random.default_rng(0)
    return random.random((60, 4)), random.integers(3, size=60), random.random((30, 4)), random.integers(3, size=30)
"""
STUDY = """
import mine_study as ms

study = ms.Study(
    "unused", ms.grid(noise_std=[0.5, 1.0], epochs=[3], batch_size=[20], replicates=[1]), seeds=[0, 1],
    network=ms.NetworkConfig(name="nets:Net", layers=("1", "output"), epochs=1, batch_size=20),
    data=ms.DataConfig(name="nets:load"),
)
"""


def test_a_file_beside_the_study_reaches_every_node(tmp_path):
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "my_study.py").write_text(STUDY)
    variables = {"PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled", "OMP_NUM_THREADS": "1"}
    with Nodes() as nodes:
        nodes.add()
        nodes.add()
        ended = subprocess.run(
            [sys.executable, "-m", "study.cli", "sweep", "my_study.py", "--address", nodes.address, "--results", "r"],
            cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=400,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = records.trials(str(tmp_path / "r"))
    assert len(found.completed) == 4 and found.problems == []
    assert {one.network.name for one in found.configurations.values()} == {"nets:Net"}
