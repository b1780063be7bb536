"""`python -m tests.benchmarks.gpu` on the CPU: its logic, and what it does without."""

import json

import torch

from tests.benchmarks import gpu
from tests.test_imports import run_without

NOT_NEEDED = ("ray", "tyro", "pandas", "torchvision", "sklearn", "scipy", "matplotlib", "optuna", "rich", "tabulate")

# As where they are not installed: PyTorch and pyarrow look whether some of them are there.
WITHOUT = f"""
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name.split(".")[0] in {NOT_NEEDED} else find(name, *more)
"""


def test_it_runs_without_ray_and_the_other_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    arguments = ["--device", "cpu", "--samples", "200", "--architectures", "1", "--json", str(tmp_path / "gpu.json")]
    ended = run_without((), f"{WITHOUT}from tests.benchmarks import gpu\nsys.exit(gpu.main({arguments}))")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert len(found["checks"]) == 10 and all(check["passed"] for check in found["checks"])
    assert found["device"].startswith("cpu (") and set(found["seconds"]) == set(found["peak_bytes"])


def test_the_plan_is_printed_without_a_gpu(capsys):
    assert gpu.main(["--dry-run"]) == 0
    assert "at N = 60000: seconds and peak memory" in capsys.readouterr().out


def test_a_check_that_fails_says_so(capsys):
    report = gpu.Report(torch.device("cpu"))
    for measured, allowed in ((0.1, 0.02), (float("nan"), 0.02), ("other rows", "bit for bit"), (0.01, 0.02)):
        report.check("one", measured, allowed)
    assert [check["passed"] for check in report.checks] == [False, False, False, True]
    assert capsys.readouterr().out.count("FAIL") == 3


def test_another_noise_is_far_from_the_reference(tmp_path, monkeypatch):
    """What the check of the weights is there to find."""
    config = gpu.replace(gpu.TrialConfig(), {**gpu.SMALL, "network.epochs": 1, "mine.pairs": ("X;sm1", "Y;relu3")})
    cpu, results = torch.device("cpu"), str(tmp_path)
    parts, networks = gpu.trial(config, cpu, results)
    weights, bounds = gpu.apart(config, cpu, results, parts, networks)
    assert weights < gpu.ALLOWED["weights"] and bounds < gpu.ALLOWED["bounds"]
    own = gpu.noise.generators
    monkeypatch.setattr(gpu.noise, "generators", lambda seed, run, layer: own(seed, run + 1, layer))
    assert gpu.apart(config, cpu, results, parts, networks)[0] > 10 * gpu.ALLOWED["weights"]
