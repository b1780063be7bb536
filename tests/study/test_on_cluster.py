"""Sweeps on real Ray nodes: an object store, nodes that the autoscaler brings, the token."""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request

import pytest

from tests import row_comparison
from tests.ray_nodes import Nodes, free_port, start_sweep
from trainables.records import files

pytestmark = pytest.mark.cluster

SHORT = (
    "--network.epochs", "1", "--mine.samples", "200", "--mine.epochs", "3", "--seeds", "0",
    "--mine.marginals", "permutation", "--mine.noise-std", "0", "0.3", "1", "2",
)  # fmt: skip
"""Four trials of one probe each."""


def swept(results: object, *options: str, **environment: str) -> tuple[int, str]:
    sweep = start_sweep(results, *SHORT, *options, **environment)
    output, _ = sweep.communicate(timeout=400)
    return sweep.returncode, output


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> str:
    """The rows of a sweep on this machine."""
    results = str(tmp_path_factory.mktemp("alone"))
    code, output = swept(results)
    assert code == 0, output
    return results


@pytest.fixture
def bucket(monkeypatch):
    """An S3 bucket on loopback, by moto's server."""
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("moto")
    port = free_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline and server.poll() is None, "moto's server did not start"
                time.sleep(0.2)
        boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1").create_bucket(
            Bucket="studies"
        )
        yield lambda folder: f"s3://studies/{folder}?scheme=http&endpoint_override=127.0.0.1:{port}&region=us-east-1"
    finally:
        server.kill()
        server.wait()


def test_an_s3_bucket_holds_results_and_tunes_state(bucket, alone):
    results = bucket("study/demo")
    with Nodes() as nodes:
        nodes.add()
        options = ("--address", nodes.address, "--tensorboard")
        code, output = swept(results, *options)
        assert code == 0, output
        assert row_comparison.differences(results, alone) == []
        code, output = swept(results, *options)
        assert code == 0 and "4 trials, 4 of them done before" in output, output
    store, root = files.filesystem(results)
    import pyarrow.fs

    names = [info.base_name for info in store.get_file_info(pyarrow.fs.FileSelector(f"{root}/tune", recursive=True))]
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert not any(name.startswith("sweep-") for name in os.listdir(".")), "nothing may fall beside the store"


def test_the_autoscaler_brings_gpu_nodes_from_zero_and_four_trials_share_one(alone, tmp_path):
    """Ray's fake provider on this machine; the GPUs are pretended, so trials run on the CPU."""
    with autoscaled(tmp_path, most=1) as nodes:
        refused = swept(tmp_path / "r", "--address", nodes.address, "--gpus-per-trial", "0.25")
        assert refused[0] == 2 and "cpus_per_trial is 1.0; it must be at most 0, the CPUs" in refused[1], refused[1]
        code, output = swept(
            tmp_path / "r", "--address", nodes.address, "--gpus-per-trial", "0.25", "--cpus-per-trial", "0.5",
            "--autoscaling",
        )  # fmt: skip
        assert code == 0, output
        assert "4 running" in output, output
    assert row_comparison.differences(str(tmp_path / "r"), alone) == []


def autoscaled(folder, most: int) -> Nodes:
    """A head whose autoscaler starts up to `most` nodes of two processors and one pretended GPU each."""
    configuration = {
        "cluster_name": "fake",
        "max_workers": most,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 5,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": "",
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "auth": {},
        "docker": {},
        "head_node_type": "head",
        "available_node_types": {
            "head": {"resources": {"CPU": 0}, "node_config": {}, "min_workers": 0, "max_workers": 0},
            "gpu": {"resources": {"CPU": 2, "GPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": most},
        },
        "file_mounts": {}, "cluster_synced_files": [], "file_mounts_sync_continuously": False,
        "rsync_exclude": [], "rsync_filter": [], "initialization_commands": [], "setup_commands": [],
        "head_setup_commands": [], "worker_setup_commands": [], "head_start_ray_commands": [],
        "worker_start_ray_commands": [],
    }  # fmt: skip
    path, port = folder / "autoscaler.json", free_port()
    host = os.environ.get("RAY_NODE_IP") or _own_address()
    configuration["provider"]["gcs_address"] = f"{host}:{port}"
    path.write_text(json.dumps(configuration))
    return Nodes((f"--autoscaling-config={path}",), port, RAY_FAKE_CLUSTER="1", AUTOSCALER_UPDATE_INTERVAL_S="1")


def _own_address() -> str:
    import ray

    return ray.util.get_node_ip_address()


def test_a_client_without_the_token_is_refused(tmp_path):
    token = secrets.token_hex(32)
    with Nodes(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token) as nodes:
        nodes.add()
        for stranger in ({"RAY_AUTH_TOKEN": secrets.token_hex(32)}, {"RAY_AUTH_TOKEN": ""}):
            environment = {"RAY_AUTH_MODE": "token" if stranger["RAY_AUTH_TOKEN"] else "disabled", **stranger}
            code, output = swept(tmp_path / "r", "--address", nodes.address, **environment)
            assert code == 2 and "cannot be used" in output and "the token must be the cluster's" in output, output
            assert not (tmp_path / "r" / "trials").exists()
        code, output = swept(
            tmp_path / "r", "--address", nodes.address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token
        )  # fmt: skip
        assert code == 0, output
