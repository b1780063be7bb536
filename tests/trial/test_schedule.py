import math

import pytest
import torch

from trainables import devices, verdict
from trainables.settings import InputError, TrialConfig, key, replace
from trainables.trial import recorded as trial
from trainables.trial import schedule

CPU = torch.device("cpu")


def finish(config, progress=None):
    *_, last = schedule.run(config, CPU, progress=progress)
    return last.parts()


def same_rows(left, right) -> bool:
    return all(left[name].equals(right[name]) for name in ("network", "estimates", "curves"))


@pytest.fixture
def done(tiny):
    return finish(tiny)


def test_every_fit_of_the_schedule_leaves_its_rows(tiny, done):
    estimates = done["estimates"].to_pandas()
    assert done["trials"]["state"].to_pylist() == ["completed"]
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
    assert estimates[["X;sm1", "X;maxpool1"]].tolist() == pytest.approx([math.log(200)] * 8)
    assert estimates["Y;sm1"].max() == pytest.approx(math.log(10), abs=0.01)


def test_standardized_pixels_change_the_curves_and_no_ceiling(tiny, done):
    scaled = finish(replace(tiny, {"data.scaling": "standardized"}))
    assert scaled["estimates"]["ceiling"].equals(done["estimates"]["ceiling"])
    assert not scaled["curves"]["bound"].equals(done["curves"]["bound"])


def test_log_softmax_changes_the_pairs_and_truths_of_sm1_alone(tiny, done):
    logs = finish(replace(tiny, {"network.output": "log_softmax"}))
    assert logs["network"]["test_accuracy"].equals(done["network"]["test_accuracy"])
    same = [parts["estimates"].to_pandas().set_index(["pair", "run", "replicate"]) for parts in (logs, done)]
    for column in ("truth", "estimate"):
        equal = (same[0][column] == same[1][column]).groupby("pair").agg(["all", "any"])
        of_sm1 = equal.index.str.endswith("sm1")
        assert equal[~of_sm1].all(axis=None) and not equal[of_sm1].any(axis=None), column


def test_a_finished_network_is_probed_once(tiny, done):
    finished = finish(replace(tiny, {"schedule.first_probe": 2}))
    assert finished["network"]["train_loss"].equals(done["network"]["train_loss"])
    estimates = finished["estimates"].to_pandas()
    assert set(estimates.run) == {1} and set(estimates.network_epoch) == {2}
    truths = done["estimates"].to_pandas().query("run == 2").truth.tolist()
    assert estimates.truth.tolist() == truths


def test_the_same_trial_gives_the_same_rows_and_another_seed_others(tiny, done):
    assert same_rows(done, finish(tiny))
    other = finish(replace(tiny, {"seed": 1}))
    assert not (set(done["curves"]["bound"].to_pylist()) & set(other["curves"]["bound"].to_pylist()))
    assert done["network"]["train_loss"] != other["network"]["train_loss"]


@pytest.mark.parametrize("mode", ["reinit", "finetune"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_resumed_trial_gives_the_same_rows(tiny, mode, optimizer):
    config = replace(tiny, {"mine.transfer_mode": mode, "network.optimizer": optimizer})
    checkpoint = schedule.save(next(schedule.run(config, CPU)))
    resumed = finish(config, schedule.restore(config, CPU, checkpoint))
    assert same_rows(resumed, finish(config))


@pytest.mark.parametrize(("architecture", "mode"), [(2, "finetune"), (3, "reinit")])
def test_a_resumed_trial_with_a_redrawn_front_gives_the_same_rows(tiny, architecture, mode):
    changes = {"mine.architecture": architecture, "mine.transfer_mode": mode, "mine.front": "redrawn"}
    config = replace(tiny, {**changes, "mine.epochs": 2, "mine.last_batch": "kept", "mine.batch_size": 60})
    checkpoint = schedule.save(next(schedule.run(config, CPU)))
    whole = finish(config)
    assert same_rows(finish(config, schedule.restore(config, CPU, checkpoint)), whole)
    trained = finish(replace(config, {"mine.front": "trained"}))
    assert not set(trained["curves"]["bound"].to_pylist()) & set(whole["curves"]["bound"].to_pylist())
    assert trained["estimates"]["truth"].equals(whole["estimates"]["truth"])


def test_finetune_goes_on_from_the_previous_run_and_reinit_does_not(tiny):
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


def test_finetune_starts_fresh_only_after_a_run_that_was_not_finite(tiny):
    config = replace(tiny, {"mine.transfer_mode": "finetune"})
    progress = next(schedule.run(config, CPU))
    progress.networks_state["last.weight"][0, 0] = float("nan")
    progress.finite[0, 0] = False
    estimates = finish(config, progress)["estimates"].to_pandas().query("run == 2")
    fresh = estimates[estimates.started_from == "initialisation"]
    assert list(zip(fresh.pair, fresh.replicate, strict=True)) == [("X;maxpool1", 0)]
    assert estimates.estimate.notna().all()


def test_pairs_do_not_change_one_another(tiny, done):
    part = finish(replace(tiny, {"mine.pairs": ("Y;relu3", "X;sm1")}))["estimates"].to_pandas()
    whole = done["estimates"].to_pandas()
    columns = ["run", "pair", "replicate"]
    joined = part.merge(whole, on=columns, suffixes=("", "_whole"))
    assert len(joined) == len(part) == 8
    # The same draws; products of another shape may round otherwise.
    assert (joined.estimate - joined.estimate_whole).abs().max() < 1e-4


def test_trailing_epochs_after_the_last_probe_are_recorded(tiny):
    parts = finish(replace(tiny, {"network.epochs": 4}))
    assert parts["network"]["epoch"].to_pylist() == [0, 1, 2, 3]


@pytest.mark.parametrize("settings", [{"mine.architecture": 2}, {"mine.architecture": 3}, {"mine.hidden_layers": 2}])
def test_other_architectures_run_through(tiny, settings):
    estimates = finish(replace(tiny, {**settings, "network.epochs": 1, "mine.epochs": 2}))["estimates"].to_pandas()
    assert estimates.estimate.notna().all()


def test_an_explosion_is_recorded_and_the_trial_completes(tiny):
    """Plain ascent with a huge step: T overflows at once, for every fit that reads the large layers."""
    parts = finish(replace(tiny, {"mine.optimizer": "sgd", "mine.learning_rate": 1e3, "mine.epochs": 10}))
    estimates = parts["estimates"].to_pandas()
    assert "exploded" in verdict.outcome(estimates)
    assert estimates.first_nonfinite_epoch.notna().any()
    exploded = estimates[estimates.first_nonfinite_epoch.notna()]
    assert exploded.estimate.isna().all()
    assert parts["curves"]["bound"].null_count == 0
    assert parts["trials"]["state"].to_pylist() == ["completed"]


def test_damaged_and_foreign_checkpoints_are_named(tiny, monkeypatch):
    checkpoint = schedule.save(next(schedule.run(tiny, CPU)))
    with pytest.raises(InputError, match="it must be whole"):
        schedule.restore(tiny, CPU, checkpoint[:1_000])
    other = replace(tiny, {"seed": 5})
    with pytest.raises(InputError, match=key(other)):
        schedule.restore(other, CPU, checkpoint)
    monkeypatch.setattr(schedule, "CHECKPOINT_VERSION", schedule.CHECKPOINT_VERSION + 1)
    with pytest.raises(InputError, match="snapshot's version is 4; it must be 5"):
        schedule.restore(tiny, CPU, checkpoint)


def test_a_trial_goes_on_from_its_checkpoint_and_removes_it(tiny, done, tmp_path):
    running = trial.run(tiny, str(tmp_path), CPU)
    assert next(running).run == 1
    running.close()
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    runs = [progress.run for progress in trial.run(tiny, str(tmp_path), CPU)]
    assert runs == [1, 2]
    assert list((tmp_path / "checkpoints").iterdir()) == []
    from trainables import records
    from trainables.records import schemas

    assert records.read(str(tmp_path), "curves").rows.equals(done["curves"].cast(schemas.SCHEMAS["curves"]))


@pytest.mark.parametrize("epochs", [3, 4])
def test_a_trial_cut_off_after_its_last_probe_completes(tiny, tmp_path, epochs):
    """With and without LeNet-5 epochs after the last probe."""
    from trainables import records
    from trainables.records import files

    config, results = replace(tiny, {"network.epochs": epochs}), str(tmp_path)
    running = trial.run(config, results, CPU)
    assert [next(running).run, next(running).run] == [1, 2]
    running.close()
    assert records.trial_state(results, key(config)) is None
    checkpoint = files.read_snapshot(results, trial.CHECKPOINTS, key(config))
    assert [progress.run for progress in trial.run(config, results, CPU)] == [2]
    assert records.trial_state(results, key(config)) == "completed"
    # Killed between the rows and the removal of the checkpoint: the rows stay.
    files.write_snapshot(results, trial.CHECKPOINTS, key(config), checkpoint)
    assert [progress.run for progress in trial.run(config, results, CPU)] == [2]
    assert records.trial_state(results, key(config)) == "completed"
    assert records.read(results, "network").rows.num_rows == epochs
    assert list((tmp_path / trial.CHECKPOINTS).iterdir()) == []


def test_a_lenet_that_diverges_fails_the_trial_and_is_no_explosion(tiny, tmp_path):
    from trainables import records

    with pytest.raises(FloatingPointError, match="the network has diverged"):
        list(trial.run(replace(tiny, {"network.learning_rate": 1e6}), str(tmp_path), CPU))
    assert records.read(str(tmp_path), "trials").rows["state"].to_pylist() == ["failed"]
    assert records.read(str(tmp_path), "estimates").rows.num_rows == 0


@pytest.mark.parametrize("damage", ["truncated", "of another trial", "of another version"])
def test_a_trial_with_a_useless_checkpoint_starts_anew_and_says_so(tiny, tmp_path, caplog, monkeypatch, damage):
    path = tmp_path / "checkpoints" / f"{key(tiny)}.pt"
    written = replace(tiny, {"seed": 5}) if damage == "of another trial" else tiny
    next(trial.run(written, str(tmp_path), CPU))
    content = (tmp_path / "checkpoints" / f"{key(written)}.pt").read_bytes()
    path.write_bytes(content[:500] if damage == "truncated" else content)
    if damage == "of another version":
        monkeypatch.setattr(schedule, "CHECKPOINT_VERSION", schedule.CHECKPOINT_VERSION + 1)
    assert [progress.run for progress in trial.run(tiny, str(tmp_path), CPU)] == [1, 2]
    assert f"trial {key(tiny)} starts anew" in caplog.text


def test_a_trial_that_raises_is_a_row_with_its_error(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(schedule.mine, "train", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(trial.run(tiny, str(tmp_path), CPU))
    from trainables import records

    row = records.read(str(tmp_path), "trials").rows.to_pylist()[0]
    assert row["state"] == "failed"
    assert "ZeroDivisionError: division by zero" in row["error"]
    assert row["seed"] == 0


def test_unknown_devices_are_refused():
    with pytest.raises(InputError, match="device is 'gpu'"):
        devices.choose_device("gpu")
    assert devices.choose_device("cpu") == CPU


def test_replicates_keep_their_draws_when_more_are_asked_for(tiny, done):
    more = finish(replace(tiny, {"mine.replicates": 3, "network.epochs": 1}))["estimates"].to_pandas()
    whole = done["estimates"].to_pandas().query("run == 1")
    joined = whole.merge(more, on=["run", "pair", "replicate"])
    assert len(joined) == 16
    assert (joined.estimate_x - joined.estimate_y).abs().max() < 1e-4


@pytest.mark.slow
def test_explosion_on_mnist_is_recorded_and_leaves_the_other_pairs_intact(mnist_root, tmp_path):
    """Architecture 1, 10 units, no noise, deranged marginals, naive: T drifts past the ceiling, then exp overflows."""
    torch.set_num_threads(2)
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
