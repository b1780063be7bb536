"""A trial's GPU: its device and share, memory, checkpoint, and what is refused; with a pretended one."""

import pytest
import torch

from study import cluster, cost
from study.commands import sweep as sweep_command
from study.resources import Resources
from tests.pretended_gpu import GPU, NAME, driverless, pretended
from trainables import devices, records
from trainables.estimators import memory
from trainables.records import files
from trainables.records.layout import PROBES
from trainables.settings import InputError, TrialConfig, key, replace
from trainables.subjects import training
from trainables.subjects.datasets import DATASETS
from trainables.trial import network_run, provenance, ray_trainable, recorded, schedule

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def measured():
    """A network's shapes are measured on the CPU, outside of the pretended device."""
    for name in ("mnist", "digits"):
        training.shapes("lenet5", (), DATASETS[name])


@pytest.fixture
def quick(tiny):
    """Two runs of one small pair."""
    return replace(
        tiny, {"mine.pairs": ("Y;sm1",), "mine.samples": 100, "mine.epochs": 2, "network.train_samples": 200}
    )


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
    monkeypatch.setattr(network_run.data, "chosen", lambda _: 1 / 0)
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
        next(recorded.run(quick, str(tmp_path), CPU))
    assert [reached.run for reached in recorded.run(quick, str(tmp_path), CPU)] == [1, 2]
    assert f"checkpoints/{key(quick)} is made again: its device is 'NVIDIA Pretended'; it must be 'cpu (" in caplog.text


def test_a_checkpoint_is_read_on_the_cpu(quick, tmp_path, monkeypatch):
    """A GPU without memory for it must not look like a damaged file, after which the trial would start again."""
    where, load = [], torch.load
    monkeypatch.setattr(
        torch, "load", lambda *given, **more: where.append(more["map_location"]) or load(*given, **more)
    )
    next(recorded.run(quick, str(tmp_path), CPU))
    assert recorded.read(quick, CPU, str(tmp_path)).run == 1
    assert where == ["cpu"]


def test_a_share_that_is_too_small_is_refused_with_one_that_is_enough():
    """A full trial takes 2.5 GB, and the pretended GPU has 26."""
    full = TrialConfig()
    with driverless(), pretended():
        with pytest.raises(InputError, match=r"^gpus_per_trial is 0.09; it must be at least 0.1, .* 2.5 GB of GPU"):
            memory.check_share(full, 0.09, GPU)
        memory.check_share(full, 0.1, GPU)
        memory.check_share(full, 1.0, GPU)
        with pytest.raises(InputError, match=r"mine.hidden_units is 1000000; .* and cuda:0 has 26 GB"):
            memory.check_share(replace(full, {"mine.hidden_units": 10**6}), 0.5, GPU)


def test_a_node_says_which_trial_does_not_fit_into_its_share():
    with driverless(), pretended():
        assert cluster._use_gpu(0.25, TrialConfig()) == ""
        assert cluster._use_gpu(0.05, TrialConfig()).startswith("gpus_per_trial is 0.05; it must be at least")


def test_a_trial_is_held_to_its_share_of_the_gpus_memory():
    with driverless(), pretended():
        ray_trainable.device_of(0.09)
        with pytest.raises(InputError, match=r"mine.samples is 60000; .* and cuda:0 has 2.3 GB"):
            memory.check_trial(TrialConfig(), GPU)


def test_a_dry_run_on_a_gpu_tells_its_memory(capsys):
    """It times nothing on the CPU, and refuses what the sweep would."""
    resources, planned = Resources(gpus_per_trial=0.25), [TrialConfig()]
    assert cost.device_here(resources) is None
    assert sweep_command._print_cost(planned, resources) == 0
    out = capsys.readouterr().out
    assert "2.5 GB of GPU memory per trial: 0.25 of a GPU is enough if it has 9.9 GB or more" in out
    assert "not known: PyTorch can use no GPU here" in out and "timing" not in out
    with driverless(), pretended():
        assert cost.device_here(resources) == GPU
        assert cost._concurrent(9, resources, cpus=16) == 4
        assert cost._concurrent(9, Resources(gpus_per_trial=0.4), cpus=16) == 2
        with pytest.raises(InputError, match=r"gpus_per_trial is 0.09; it must be at least 0.1"):
            cost.estimate(planned, Resources(gpus_per_trial=0.09), 2, GPU)


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """What a trial reports, without Tune."""
    found: list[dict] = []
    monkeypatch.setattr(ray_trainable.tune, "report", found.append)
    files.write_snapshot(str(tmp_path), PROBES, "sweep", b"")
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
    parameters = {"trial": tiny, "results": str(tmp_path), "threads": 1, "gpus": 0.5, "mark": "sweep"}
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
