"""A trial's GPU: its device and share, memory, checkpoint, and what is refused; with a pretended one."""

import pytest
import torch

from study.resources import Resources
from tests.pretended_gpu import GPU, NAME, driverless, pretended
from trainables import devices, provenance, ray_trainable, records, resultfiles, schedule, trial
from trainables.config import InputError, flatten, key, replace

CPU = torch.device("cpu")


@pytest.fixture
def quick(tiny):
    """Two runs of one small pair."""
    return replace(tiny, {"mine.pairs": ("Y;sm1",), "mine.samples": 100, "mine.epochs": 2, "lenet.train_samples": 200})


@pytest.mark.parametrize("gpus", [0.25, 0.5, 1.0, 1])
def test_a_share_of_a_gpu_bounds_the_memory_of_its_process(gpus):
    """Through PyTorch's own checks of what it is given, down to the driver's call."""
    with driverless() as calls, pretended():
        assert ray_trainable.device_of(gpus) == GPU
        assert calls == [("_cuda_setMemoryFraction", float(gpus), 0)]


def test_a_trial_without_a_gpu_runs_on_the_cpu_where_one_is_visible():
    with driverless() as calls, pretended():
        assert ray_trainable.device_of(0.0) == CPU
        assert calls == []


def test_a_gpu_that_is_asked_for_and_not_usable_is_refused_in_one_sentence():
    with pytest.raises(
        InputError, match=r"^gpus_per_trial is 0.25, and PyTorch \S+ cannot use .* it must be 0 [^.]+\.$"
    ):
        ray_trainable.device_of(0.25)
    with pytest.raises(InputError, match=r"^device is 'cuda' \([^()]+\); it must be one of cpu\.$"):
        devices.choose_device("cuda")


def test_pretended_gpus_run_on_the_cpu_where_the_switch_says_so(monkeypatch):
    monkeypatch.setenv(ray_trainable.PRETENDED, "1")
    assert ray_trainable.device_of(0.25) == CPU


@pytest.mark.parametrize("gpus", [1.5, 2.0, 8, -0.25, float("nan"), float("inf")])
def test_a_trial_gets_at_most_one_gpu(gpus):
    with pytest.raises(
        InputError, match=r"gpus_per_trial is \S+; it must be from 0 to 1: a trial computes on one GPU\."
    ):
        Resources(gpus_per_trial=gpus)


def test_a_device_has_its_number():
    """Which PyTorch's memory functions ask for."""
    with driverless(), pretended():
        assert devices.choose_device("cuda") == devices.choose_device("cuda:0") == devices.choose_device() == GPU


def test_the_peak_of_a_gpus_memory_is_that_of_the_trial(tiny, monkeypatch):
    """A worker may have run another trial before."""
    monkeypatch.setattr(schedule.data, "load", lambda _: 1 / 0)
    with driverless() as calls:
        with pytest.raises(ZeroDivisionError):
            next(schedule.run(tiny, GPU))
        assert calls == [("_cuda_resetPeakMemoryStats", 0)]
        columns = provenance.columns(GPU, {})
    assert (columns["device"], columns["peak_device_bytes"]) == (NAME, 1_000)


def test_a_checkpoint_of_another_device_is_named_and_the_trial_starts_again(quick, tmp_path, caplog):
    """There the noise would be another draw: half of the rows of each is no trial's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "device_name", lambda device: NAME)
        next(trial.run(quick, str(tmp_path), CPU))
    assert [progress.run for progress in trial.run(quick, str(tmp_path), CPU)] == [1, 2]
    assert (
        f"trial {key(quick)} starts anew: checkpoint's device is 'NVIDIA Pretended'; it must be 'cpu (" in caplog.text
    )


def test_a_checkpoint_is_read_on_the_cpu(quick, monkeypatch):
    """A GPU without memory for it must not look like a damaged file, after which the trial would start again."""
    where, load = [], torch.load
    monkeypatch.setattr(
        torch, "load", lambda *given, **more: where.append(more["map_location"]) or load(*given, **more)
    )
    schedule.restore(quick, CPU, schedule.save(next(schedule.run(quick, CPU))))
    assert where == ["cpu"]


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """What a trial reports, without Tune."""
    found: list[dict] = []
    monkeypatch.setattr(ray_trainable.tune, "report", found.append)
    resultfiles.write_snapshot(str(tmp_path), resultfiles.PROBES, "sweep", b"")
    return found


@pytest.mark.parametrize(
    ("error", "broken", "ends_worker"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), False, True),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), False, True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True, True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_BAD_PARAM"), False, False),
        (FloatingPointError("LeNet-5 has diverged"), False, False),
    ],
    ids=str,
)
def test_an_error_of_the_gpu_ends_the_worker_and_one_of_the_trial_its_row(
    tiny, tmp_path, monkeypatch, reports, error, broken, ends_worker
):
    """Every later trial of a worker whose GPU is lost would fail as this one did."""

    def run(*_):
        if broken:
            monkeypatch.setattr(devices, "why_unusable", lambda device: "CUDNN_STATUS_EXECUTION_FAILED")
        raise error

    monkeypatch.setattr(schedule, "run", run)
    parameters = {"trial": flatten(tiny), "results": str(tmp_path), "threads": 1, "gpus": 0.5, "probe": "sweep"}
    with driverless(), pretended():
        if ends_worker:
            with pytest.raises(type(error)):
                ray_trainable.run_trial(parameters)
            assert reports == []
        else:
            ray_trainable.run_trial(parameters)
            assert [report["state"] for report in reports] == ["failed"]
    row = records.trials(str(tmp_path)).rows.to_pylist()[0]
    assert (row["state"], row["device"]) == ("failed", NAME) and str(error) in row["error"]
