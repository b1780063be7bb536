"""Sweeps on a Ray that believes it has a GPU: what each trial gets, what is refused, and what a lost GPU costs."""

import json
import os
import time
from pathlib import Path

import pytest
import ray
import torch

from study import cluster, sweep
from study.resources import Resources
from tests.pretended_gpu import driverless, pretended
from trainables import records
from trainables.settings import InputError, key, replace
from trainables.trial import ray_trainable, schedule
from trainables.trial import recorded as trial

pytestmark = pytest.mark.cluster

HALF = Resources(cpus_per_trial=0.5, gpus_per_trial=0.5)
run_trial, train = ray_trainable.run_trial, schedule.mine.train


@pytest.fixture(scope="module", autouse=True)
def one_gpu():
    """One Ray for all sweeps, whose workers see this checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        ray.init(address="local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
        patch.setattr(cluster, "_connect", lambda _: None)
        shutdown = ray.shutdown
        patch.setattr(ray, "shutdown", lambda: None)
        yield
        shutdown()


@pytest.fixture
def quick(tiny):
    changes = {"mine.pairs": ("Y;sm1",), "mine.samples": 100, "mine.epochs": 2, "network.train_samples": 200}
    return replace(tiny, changes)


def note(results: str, what: str, **content: object) -> None:
    (Path(results) / f"note-{what}-{time.monotonic_ns()}.json").write_text(json.dumps({"pid": os.getpid(), **content}))


def notes(results: object, what: str) -> list[dict]:
    """In the order in which they were written."""
    return [json.loads(path.read_text()) for path in sorted(Path(str(results)).glob(f"note-{what}-*.json"))]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(happened) -> bool:
    deadline = time.monotonic() + 60
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.05)
    return happened()


def noted_prepare(parameters: dict) -> None:
    """On a worker: the networks' training, left out."""
    note(parameters["results"], "prepare")


def noted_trial(parameters: dict) -> None:
    """On a worker: `run_trial` on a pretended GPU, with a trial that waits for its neighbour."""
    results = parameters["results"]

    def run(config, results, device):
        together = wait_until(lambda: len(notes(results, "began")) == 2)
        freed = wait_until(lambda: not any(alive(one["pid"]) for one in notes(results, "prepare")))
        note(results, "trial", device=str(device), calls=calls, together=together, freed=freed)
        return iter(())

    with driverless() as calls, pretended(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "run", run)
        note(results, "began")
        run_trial(parameters)


def test_two_trials_share_a_gpu_which_the_networks_have_left(quick, tmp_path, monkeypatch):
    """Each gets the device and half of its memory; a worker that stayed would hold its CUDA context beside them."""
    monkeypatch.setattr(ray_trainable, "run_trial", noted_trial)
    monkeypatch.setattr(ray_trainable, "prepare", noted_prepare)
    monkeypatch.setattr(cluster, "check_gpus", lambda *_: None)
    sweep.launch("q", [quick, replace(quick, {"mine.hidden_units": 5})], str(tmp_path), HALF)
    found = notes(tmp_path, "trial")
    assert [one["device"] for one in found] == ["cuda:0", "cuda:0"]
    assert all(one["calls"] == [["_cuda_setMemoryFraction", 0.5, 0]] for one in found)
    assert all(one["together"] and one["freed"] for one in found)
    assert len({one["pid"] for one in found}) == 2


def test_a_sweep_on_a_gpu_that_cannot_be_used_is_refused_before_anything_runs(quick, tmp_path):
    with pytest.raises(InputError, match=r"^gpus_per_trial is 0.5, and PyTorch \S+ cannot use the GPU of node \S+ \("):
        sweep.launch("q", [quick], str(tmp_path), HALF)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def trial_short_of_memory(parameters: dict) -> None:
    """On a worker: `run_trial`, whose second probe finds the GPU full, once."""

    def train_or_not(networks, samples, seed, run):
        note(parameters["results"], "probe", run=run)
        if run == 2 and len(notes(parameters["results"], "probe")) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return train(networks, samples, seed, run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ray_trainable.PRETENDED, "1")
        patch.setattr(schedule.mine, "train", train_or_not)
        run_trial(parameters)


def test_a_worker_whose_gpu_is_full_is_replaced_and_its_trial_resumes(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_trainable, "run_trial", trial_short_of_memory)
    monkeypatch.setattr(cluster, "check_gpus", lambda *_: None)
    monkeypatch.setattr(sweep, "_train_networks", lambda *_: None)
    ended = sweep.launch("q", [quick], str(tmp_path), HALF)
    assert ended.completed == [key(quick)]
    (first, run_1), (same, lost), (fresh, again) = ((one["pid"], one["run"]) for one in notes(tmp_path, "probe"))
    assert (run_1, lost, again) == (1, 2, 2)
    assert first == same != fresh and not alive(first)
    *_, alone = schedule.run(quick, torch.device("cpu"))
    alone_rows = trial.parts(alone, torch.device("cpu"))["curves"]
    assert records.read(str(tmp_path), "curves").rows["bound"].equals(alone_rows["bound"])
