import dataclasses
import logging
import math

import pyarrow as pa
import pytest
import torch

from trainables import devices, records, verdict
from trainables.records import files, schemas
from trainables.records.layout import CHECKPOINTS
from trainables.settings import InputError, TrialConfig, key, replace
from trainables.trial import recorded, schedule
from trainables.trial.network_run import NetworkRun

CPU = torch.device("cpu")


@pytest.fixture
def tiny(tiny):
    return replace(tiny, {"network.train_samples": 400, "mine.samples": 100})


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A folder in which each network and each truth is made once."""
    return str(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def finish(shared):
    """Runs a trial, or the rest of one, and returns its tables."""

    def run(config, reached=None, results=shared):
        torch.set_num_threads(1)
        *_, last = schedule.run(config, CPU, results, reached)
        return {name: pa.concat_tables(rows) for name, rows in last.rows.items()}

    return run


@pytest.fixture
def done(tiny, finish):
    return finish(tiny)


def same_rows(left, right) -> bool:
    return all(left[name].equals(right[name]) for name in ("network", "estimates", "curves"))


def test_every_fit_of_the_schedule_leaves_its_rows(tiny, done):
    estimates = done["estimates"].to_pandas()
    assert done["network"]["epoch"].to_pylist() == [0, 1, 2]
    assert len(estimates) == 2 * 8 * 2
    assert estimates.groupby("run").network_epoch.first().to_dict() == {1: 0, 2: 2}
    assert not estimates.duplicated(["run", "pair", "replicate"]).any()
    curves = done["curves"].to_pandas()
    assert len(curves) == 2 * 8 * 2 * 4
    assert curves.mine_epoch.unique().tolist() == [1, 2, 3, 4]
    tail = curves[curves.mine_epoch > 2].groupby(["run", "pair", "replicate"]).bound.mean()
    expected = estimates.set_index(["run", "pair", "replicate"]).estimate
    assert (tail - expected).abs().max() < 1e-5


def test_the_ceiling_is_the_entropy_of_what_mine_reads(done):
    estimates = done["estimates"].to_pandas().set_index("pair").ceiling
    assert estimates[["X;sm1", "X;maxpool1"]].tolist() == pytest.approx([math.log(100)] * 8)
    assert estimates["Y;sm1"].max() == pytest.approx(math.log(10), abs=0.01)


def test_standardized_pixels_change_the_curves_and_no_ceiling(tiny, done, finish):
    scaled = finish(replace(tiny, {"data.scaling": "standardized"}))
    assert scaled["estimates"]["ceiling"].equals(done["estimates"]["ceiling"])
    assert not scaled["curves"]["bound"].equals(done["curves"]["bound"])


def test_log_softmax_changes_the_pairs_and_truths_of_sm1_alone(tiny, done, finish):
    logs = finish(replace(tiny, {"network.output": "log_softmax"}))
    assert logs["network"]["test_accuracy"].equals(done["network"]["test_accuracy"])
    same = [parts["estimates"].to_pandas().set_index(["pair", "run", "replicate"]) for parts in (logs, done)]
    for column in ("truth", "estimate"):
        equal = (same[0][column] == same[1][column]).groupby("pair").agg(["all", "any"])
        of_sm1 = equal.index.str.endswith("sm1")
        assert equal[~of_sm1].all(axis=None) and not equal[of_sm1].any(axis=None), column


def test_a_finished_network_is_probed_once(tiny, done, finish):
    finished = finish(replace(tiny, {"schedule.first_probe": 2}))
    assert finished["network"]["train_loss"].equals(done["network"]["train_loss"])
    estimates = finished["estimates"].to_pandas()
    assert set(estimates.run) == {1} and set(estimates.network_epoch) == {2}
    truths = done["estimates"].to_pandas().query("run == 2").truth.tolist()
    assert estimates.truth.tolist() == truths


def test_the_same_trial_gives_the_same_rows_and_another_seed_others(tiny, done, finish):
    """Also where the network and its truths are made again."""
    assert same_rows(done, finish(tiny, results=None))
    other = finish(replace(tiny, {"seed": 1}))
    assert not (set(done["curves"]["bound"].to_pylist()) & set(other["curves"]["bound"].to_pylist()))
    assert done["network"]["train_loss"] != other["network"]["train_loss"]


def resumed(config, shared, tmp_path):
    """The checkpoint of a trial's first run, written and read."""
    recorded.write(next(schedule.run(config, CPU, shared)), CPU, str(tmp_path))
    return recorded.read(config, CPU, str(tmp_path))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mine.transfer_mode": "finetune"},
        {"mine.architecture": 2, "mine.transfer_mode": "finetune", "mine.front": "redrawn"},
        {"mine.architecture": 3, "mine.front": "redrawn", "mine.last_batch": "kept", "mine.batch_size": 60},
    ],
    ids=str,
)
def test_a_resumed_trial_gives_the_same_rows(tiny, changes, finish, shared, tmp_path):
    config = replace(tiny, {"mine.epochs": 2, **changes})
    assert same_rows(finish(config, resumed(config, shared, tmp_path)), finish(config))


def test_a_resumed_trial_that_trains_its_network_again_gives_the_same_rows(tiny, finish, shared, tmp_path):
    config = replace(tiny, {"network.optimizer": "adam", "mine.epochs": 2})
    assert same_rows(finish(config, resumed(config, shared, tmp_path), results=None), finish(config))


def test_a_redrawn_front_changes_every_bound_and_no_truth(tiny, finish):
    changes = {"mine.architecture": 3, "mine.epochs": 2, "mine.pairs": ("X;relu3", "Y;sm1")}
    redrawn, trained = (finish(replace(tiny, {**changes, "mine.front": front})) for front in ("redrawn", "trained"))
    assert not set(trained["curves"]["bound"].to_pylist()) & set(redrawn["curves"]["bound"].to_pylist())
    assert trained["estimates"]["truth"].equals(redrawn["estimates"]["truth"])


def test_finetune_starts_from_the_previous_run_and_reinit_does_not(tiny, finish):
    first = {mode: finish(replace(tiny, {"mine.transfer_mode": mode})) for mode in ("reinit", "finetune")}
    frames = {mode: parts["estimates"].to_pandas() for mode, parts in first.items()}
    assert set(frames["reinit"].started_from) == {"initialisation"}
    assert frames["finetune"].groupby("run").started_from.unique().map(list).to_dict() == {
        1: ["initialisation"],
        2: ["previous run"],
    }
    one, two = (frames[mode].query("run == 1").estimate.tolist() for mode in frames)
    assert one == two
    one, two = (frames[mode].query("run == 2").estimate.tolist() for mode in frames)
    assert one != two


def test_finetune_starts_fresh_only_after_a_run_that_was_not_finite(tiny, finish, shared):
    config = replace(tiny, {"mine.transfer_mode": "finetune"})
    reached = next(schedule.run(config, CPU, shared))
    reached.weights["last.weight"][0, 0] = float("nan")
    reached.finite[0, 0] = False
    estimates = finish(config, reached)["estimates"].to_pandas().query("run == 2")
    fresh = estimates[estimates.started_from == "initialisation"]
    assert list(zip(fresh.pair, fresh.replicate, strict=True)) == [("X;maxpool1", 0)]
    assert estimates.estimate.notna().all()


def test_pairs_do_not_change_one_another(tiny, done, finish):
    part = finish(replace(tiny, {"mine.pairs": ("Y;relu3", "X;sm1")}))["estimates"].to_pandas()
    whole = done["estimates"].to_pandas()
    columns = ["run", "pair", "replicate"]
    joined = part.merge(whole, on=columns, suffixes=("", "_whole"))
    assert len(joined) == len(part) == 8
    # The same draws; products of another shape may round otherwise.
    assert (joined.estimate - joined.estimate_whole).abs().max() < 1e-4


@pytest.mark.parametrize("settings", [{"mine.architecture": 2}, {"mine.architecture": 3}, {"mine.hidden_layers": 2}])
def test_other_architectures_run_through(tiny, settings, finish):
    estimates = finish(replace(tiny, {**settings, "network.epochs": 1, "mine.epochs": 2}))["estimates"].to_pandas()
    assert estimates.estimate.notna().all()


def test_an_explosion_is_recorded_and_the_trial_completes(tiny, finish):
    """Plain ascent with a huge step: T overflows at once, for every fit that reads the large layers."""
    parts = finish(replace(tiny, {"mine.optimizer": "sgd", "mine.learning_rate": 1e3, "mine.epochs": 10}))
    estimates = parts["estimates"].to_pandas()
    assert "exploded" in verdict.outcome(estimates)
    assert estimates.first_nonfinite_epoch.notna().any()
    exploded = estimates[estimates.first_nonfinite_epoch.notna()]
    assert exploded.estimate.isna().all()
    assert parts["curves"]["bound"].null_count == 0


def test_each_checkpoint_is_its_own(tiny, shared):
    first, second = schedule.run(tiny, CPU, shared)
    assert (first.run, first.epoch, second.run, second.epoch) == (1, 0, 2, 2)
    assert len(first.rows["estimates"]) == 1 and len(second.rows["estimates"]) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.run = 2


def test_layers_are_read_once_per_probe_and_truths_once_per_folder(tiny, tmp_path, monkeypatch):
    config = replace(tiny, {"mine.pairs": ("Y;sm1",), "mine.epochs": 2})
    read, computed = [], []
    outputs, compute = NetworkRun.outputs, schedule.truth.compute
    monkeypatch.setattr(NetworkRun, "outputs", lambda *given: read.append(given[2]) or outputs(*given))
    monkeypatch.setattr(schedule.truth, "compute", lambda *given: computed.append(set(given[2])) or compute(*given))
    list(schedule.run(config, CPU, str(tmp_path)))
    assert read == [0, 2] and computed == [{0.0, 0.3}] * 2
    more = replace(config, {"mine.noise_std": 1.0})
    list(schedule.run(more, CPU, str(tmp_path)))
    assert read == [0, 2] * 2 and computed == [{0.0, 0.3}] * 2 + [{1.0}] * 2


@pytest.mark.parametrize("epochs", [3, 4])
def test_a_trial_resumes_from_its_checkpoint_and_removes_it(tiny, finish, tmp_path, epochs):
    """Also where it was cut off after its last probe, with and without epochs of the network that follow."""
    config, results = replace(tiny, {"network.epochs": epochs}), str(tmp_path)
    running = recorded.run(config, results, CPU)
    assert next(running).run == 1
    running.close()
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    running = recorded.run(config, results, CPU)
    assert [next(running).run, next(running).run] == [1, 2]
    running.close()
    assert records.trial_state(results, key(config)) is None
    checkpoint = files.read_snapshot(results, CHECKPOINTS, key(config))
    assert [reached.run for reached in recorded.run(config, results, CPU)] == [2]
    assert records.trial_state(results, key(config)) == "completed"
    expected = finish(config)
    for name in expected:
        assert records.read(results, name).rows.equals(expected[name].cast(schemas.SCHEMAS[name])), name
    # Killed between the rows and the removal of the checkpoint: the rows stay.
    files.write_snapshot(results, CHECKPOINTS, key(config), checkpoint)
    assert [reached.run for reached in recorded.run(config, results, CPU)] == [2]
    assert records.read(results, "network").rows.num_rows == epochs
    assert list((tmp_path / CHECKPOINTS).iterdir()) == []


def test_a_lenet_that_diverges_fails_the_trial_and_is_no_explosion(tiny, tmp_path):
    with pytest.raises(FloatingPointError, match="the network has diverged"):
        list(recorded.run(replace(tiny, {"network.learning_rate": 1e6}), str(tmp_path), CPU))
    assert records.read(str(tmp_path), "trials").rows["state"].to_pylist() == ["failed"]
    assert records.read(str(tmp_path), "estimates").rows.num_rows == 0


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("truncated", "it must be whole"),
        ("of another trial", "its key is"),
        ("of another version", "its version is 5; it must be 6"),
    ],
)
def test_a_trial_with_a_useless_checkpoint_starts_again_and_says_so(tiny, tmp_path, caplog, monkeypatch, damage, said):
    tiny = replace(tiny, {"mine.pairs": ("Y;sm1",), "mine.epochs": 2})
    path = tmp_path / "checkpoints" / f"{key(tiny)}.pt"
    written = replace(tiny, {"seed": 5}) if damage == "of another trial" else tiny
    next(recorded.run(written, str(tmp_path), CPU))
    content = (tmp_path / "checkpoints" / f"{key(written)}.pt").read_bytes()
    path.write_bytes(content[:500] if damage == "truncated" else content)
    if damage == "of another version":
        monkeypatch.setattr(recorded, "VERSION", recorded.VERSION + 1)
    with caplog.at_level(logging.WARNING):
        assert [reached.run for reached in recorded.run(tiny, str(tmp_path), CPU)] == [1, 2]
    assert f"checkpoints/{key(tiny)} is made again: " in caplog.text and said in caplog.text


def test_a_trial_that_raises_is_a_row_with_its_error(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(schedule.mine, "train", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(recorded.run(tiny, str(tmp_path), CPU))
    row = records.read(str(tmp_path), "trials").rows.to_pylist()[0]
    assert row["state"] == "failed"
    assert "ZeroDivisionError: division by zero" in row["error"]
    assert row["seed"] == 0


def test_unknown_devices_are_refused():
    with pytest.raises(InputError, match="device is 'gpu'"):
        devices.choose_device("gpu")
    assert devices.choose_device("cpu") == CPU


def test_replicates_keep_their_draws_when_more_are_asked_for(tiny, done, finish):
    more = finish(replace(tiny, {"mine.replicates": 3, "network.epochs": 1}))["estimates"].to_pandas()
    whole = done["estimates"].to_pandas().query("run == 1")
    joined = whole.merge(more, on=["run", "pair", "replicate"])
    assert len(joined) == 16
    assert (joined.estimate_x - joined.estimate_y).abs().max() < 1e-4


@pytest.mark.slow
def test_explosion_on_mnist_is_recorded_and_leaves_the_other_pairs_intact(mnist_root, finish):
    """Architecture 1, 10 units, no noise, deranged marginals, naive: T drifts past the ceiling, then exp overflows."""
    changes = {
        "data.root": mnist_root, "network.epochs": 1, "network.batch_size": 128, "mine.samples": 12_000,
        "mine.epochs": 100, "mine.learning_rate": 1e-3, "mine.marginals": "derangement",
    }  # fmt: skip
    estimates = finish(replace(TrialConfig(), changes))["estimates"].to_pandas()
    estimates["outcome"], epochs = verdict.outcome(estimates), verdict.exploded_epoch(estimates)
    exploded = estimates["outcome"] == "exploded"
    assert exploded[estimates.pair == "X;maxpool1"].any()
    assert (epochs[exploded] >= 10).all()
    labels = estimates[estimates.pair.str.startswith("Y")]
    assert labels.estimate.notna().all() and not (labels.outcome == "exploded").any()
    assert (estimates.estimate.notna() | exploded).all()
    assert (estimates[estimates.pair == "X;maxpool1"].optimum == math.inf).all()
