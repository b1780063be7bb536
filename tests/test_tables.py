"""The tables of a made study, and studies in which something is missing."""

import itertools

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy import stats

from analysis import consistency, convergence, figure_data, frames, judging, load, order, rendering, report, tables
from study import studies
from tests import made_results
from tests.lenet5 import PAIRS
from trainables import objectives, records
from trainables.records import compaction, plans
from trainables.settings import ADDED, InputError, fields, flatten, key, replace
from trainables.verdict import VerdictRule

NAMES = tuple(tables.TABLES)

OF_THE_PAPER = ("agreement", "paper", "points")
"""Tables that have no rows where no configuration is one of the paper's (tests/test_paper.py)."""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("study"))
    made_results.study(folder)
    return folder


def test_loading_gives_typed_frames_by_field_path(results):
    study = load(results)
    assert set(fields()) <= set(study.trials.columns) and study.trials.index.name == "key"
    assert study.trials["mine.samples"].dtype == pd.Int64Dtype() and study.trials["mine.noise_std"].dtype == float
    assert isinstance(study.estimates["pair"].dtype, pd.CategoricalDtype)
    assert (len(study.network), len(study.estimates), study.skipped) == (12 * 21, 12 * 6 * 8 * 2, [])
    fits = study.configured(study.estimates, ["mine.noise_std"])
    assert fits.groupby("mine.noise_std").size().to_dict() == {0.0: 576, 1.0: 576}
    assert len(study.curves("Y;sm1")) == 12 * 6 * 2 * 20


def test_tables_are_the_same_from_compacted_results(tmp_path):
    folder = str(tmp_path)
    made_results.study(folder)
    before = {name: tables.build(name, folder)[0] for name in NAMES}
    compaction.compact(folder)
    for name in NAMES:
        pd.testing.assert_frame_equal(tables.build(name, folder)[0], before[name])


def test_accuracy_stands_beside_the_papers(results):
    rows = tables.build("accuracy", results)[0]
    assert rows["epoch"].tolist() == [0, 4, 8, 12, 16, 20] and rows["seeds"].tolist() == [3] * 6
    assert rows["accuracy"].tolist() == pytest.approx([0.51 + 0.02 * epoch for epoch in rows["epoch"]])
    assert rows["paper_accuracy"].tolist() == [0.70, 0.83, 0.91, 0.94, 0.96, 0.97]
    assert rows["deviation"].tolist() == pytest.approx([-0.19, -0.24, -0.24, -0.19, -0.13, -0.06])
    assert rows["spread"].tolist() == pytest.approx([0.01] * 6)
    # Four trials of a seed share one LeNet-5, which counts once: Student's t with two degrees of freedom.
    assert rows["accuracy_high"].iloc[0] - 0.51 == pytest.approx(4.303 * 0.01 / 3**0.5, abs=1e-4)


def test_accuracy_stands_at_the_probed_epochs_alone(tmp_path):
    made_results.write(str(tmp_path), {"schedule.first_probe": 2})
    assert tables.build("accuracy", str(tmp_path))[0]["epoch"].tolist() == [2, 6, 10, 14, 18]


def test_the_notes_say_that_the_optimum_of_a_redrawn_front_is_an_upper_bound(tmp_path):
    made_results.write(str(tmp_path), {"mine.architecture": 1, "mine.front": "redrawn"})
    assert not any("upper bound" in note for note in tables.build("stability", str(tmp_path))[1])
    made_results.write(str(tmp_path), {"mine.architecture": 3, "mine.front": "redrawn"})
    assert any("upper bound" in note for note in tables.build("stability", str(tmp_path))[1])


def test_accuracy_on_other_data_has_no_paper_beside_it(tmp_path):
    made_results.write(str(tmp_path), {"data.name": "digits"})
    rows, notes = tables.build("accuracy", str(tmp_path))
    assert rows["paper_accuracy"].isna().all() and any("paper's column is empty" in note for note in notes)


def test_epochs_to_the_final_level():
    epoch = np.arange(1, 41)
    straight = np.minimum(epoch / 20, 1.0) * 2.0
    back = np.where(epoch == 30, 0.0, 2.0)
    nothing = np.full(40, np.nan)
    found = convergence.epochs(np.stack([straight, back, np.full(40, 2.0), nothing]), np.array([2.0, 2.0, 2.0, np.nan]))
    # Windows of 4: that of epochs 18 to 21 averages 1.925, within 5 % of 2; a dip puts it behind the dip.
    assert found[:3].tolist() == [18, 31, 1] and np.isnan(found[3])


def test_finetune_is_compared_with_reinit_by_the_difference_within_seeds(results):
    rows = tables.build("convergence", results)[0]
    assert set(rows["run"]) == set(range(1, 7)) and set(rows["variable"]) == {"X", "Y"}
    noisy = rows[rows["mine.noise_std"] == 1]
    assert (noisy["reinit"] > noisy["finetune"] + 5).all() and (noisy["difference_high"].dropna() < 0).all()
    assert noisy["difference"].to_numpy() == pytest.approx((noisy["finetune"] - noisy["reinit"]).to_numpy())
    assert (noisy["difference_seeds"] == 3).all() and (noisy["reinit_settled"] == 1).all()


def test_fits_that_never_left_zero_do_not_count_as_converged(tmp_path):
    made_results.write(str(tmp_path), {}, level=0.02)
    rows = tables.build("convergence", str(tmp_path))[0]
    assert rows["reinit"].isna().all() and (rows["reinit_settled"] == 0).all()


def test_kendalls_coefficients_equal_scipys():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 4)).round(1)
    values[3:6] = np.nan
    group = np.repeat(np.arange(8), 5)
    found = consistency.kendall_w(values, group)
    for number in range(8):
        part = values[(group == number) & ~np.isnan(values).any(axis=1)]
        statistic = stats.friedmanchisquare(*part.T).statistic
        assert found[number] == pytest.approx(statistic / (len(part) * 3))
    others = rng.normal(size=(40, 4)).round(1)
    tau = consistency.kendall_tau(values, others)
    for index in (0, 1, 10, 39):
        assert tau[index] == pytest.approx(stats.kendalltau(values[index], others[index]).statistic)
    assert np.isnan(tau[4])


def test_consistency_tells_seeds_and_replicates_apart(results):
    row = tables.build("consistency", results)[0].iloc[-1]
    assert row[["spread_seeds", "spread_replicates"]].tolist() == pytest.approx([0.01, 0.001 / 2**0.5], rel=1e-6)
    assert row[["agreement_seeds", "agreement_replicates", "tau_truth"]].tolist() == pytest.approx([1, 1, 1])


def test_order_counts_what_the_estimates_violate_and_the_truths_do_not(tmp_path):
    folder = str(tmp_path)
    for seed in (0, 1):
        made_results.write(folder, {"seed": seed}, level=1.5, fall=-0.1)  # estimates rise from layer to layer
    rows = tables.build("order", folder)[0]
    assert len(rows) == 2 * 3 and (rows["compared"] == 24).all()
    assert (rows[["violated", "violated_truth", "wrongly"]] == [1, 0, 1]).all(axis=None)
    # The other way round nothing is wrong; neither is it within the tolerance of 5 %.
    other = str(tmp_path / "other")
    made_results.write(other, {}, level=2.0)
    assert (tables.build("order", other)[0]["violated"] == 0).all()


def test_differences_are_paired_by_seed(results):
    rows = tables.build("differences", results, field="mine.noise_std")[0]
    assert rows[["from", "to"]].drop_duplicates().values.tolist() == [[0.0, 1.0]]
    x = rows[rows["variable"] == "X"].iloc[0]
    assert x["exploded"] == pytest.approx(-0.5) and x["paired"] == "yes" and x["exploded_seeds"] == 3
    with pytest.raises(InputError, match="field is 'mine.epochs'; it must be one that the study varies"):
        tables.build("differences", results, field="mine.epochs")


def test_differences_without_shared_seeds_are_welchs(tmp_path):
    folder = str(tmp_path)
    for seed, noise in ((0, 0.0), (1, 0.0), (2, 1.0), (3, 1.0)):
        made_results.write(folder, {"seed": seed, "mine.noise_std": noise}, level=1.0 + noise)
    row = tables.build("differences", folder)[0].iloc[0]
    assert row["paired"] == "no" and row["per_truth"] == pytest.approx(0.5, abs=0.1)
    assert row["per_truth_low"] < row["per_truth"] < row["per_truth_high"]


@pytest.mark.parametrize(("name", "kind"), list(itertools.product(NAMES, rendering.FORMATS)))
def test_every_table_is_rendered_in_every_format(results, name, kind):
    rows, notes = tables.build(name, results)
    text = rendering.render(rows, kind)
    assert notes and len(text.splitlines()) > len(rows)
    assert kind == "csv" or "nan" not in text.lower().replace("finetune", "")


def test_every_interval_says_its_number_of_seeds(results):
    for name in NAMES:
        rows = tables.build(name, results)[0]
        for column in rows:
            if column.endswith("_low"):
                assert f"{column[:-4]}_seeds" in rows or "seeds" in rows
    differ = pd.DataFrame({"seeds": [3], "estimate": [1.0], "estimate_low": [0.5], "estimate_high": [1.5]})
    assert rendering.fold(differ.assign(estimate_seeds=2))["estimate"].tolist() == ["1.00 [0.50, 1.50] n=2"]
    assert rendering.fold(differ.assign(estimate_seeds=3))["estimate"].tolist() == ["1.00 [0.50, 1.50]"]


# Studies in which something is missing: words, the rest of the table, and no 0 for what is not there.


def test_one_seed_is_said_in_the_tables(tmp_path):
    made_results.study(str(tmp_path), seeds=(5,))
    for name in NAMES:
        rows, notes = tables.build(name, str(tmp_path))
        lows = [column for column in rows if column.endswith("_low")]
        assert rows[lows].isna().all(axis=None)
        assert rows.empty == (name in OF_THE_PAPER)
        assert rows.empty or any("one" in note.lower() and "seed" in note for note in notes), name


def test_only_exploded_fits_have_no_estimate_rather_than_0(tmp_path):
    for seed in (0, 1):
        made_results.write(str(tmp_path), {"seed": seed}, exploded=1.0)
    rows, notes = tables.build("stability", str(tmp_path))
    assert rows["exploded"].tolist() == [1, 1] and rows["settled"].tolist() == [0, 0]
    nothing = ["estimate", "estimate_low", "per_truth", "spread_seeds", "within_truth", "disorder"]
    assert rows[nothing].isna().all(axis=None) and (rows["estimate_seeds"] == 0).all()
    assert rows["truth"].notna().all() and any("without a settled fit" in note for note in notes)
    for name in NAMES:
        folded = rendering.fold(tables.build(name, str(tmp_path))[0])
        for column in ("estimate", "reinit", "violated %", "est./truth"):
            if column in folded:
                assert (folded[column] == "").all(), name


def test_a_study_whose_truth_is_the_ceiling_says_so(tmp_path):
    made_results.write(str(tmp_path), {}, truth=2.3, error=0.0)
    rows, notes = tables.build("stability", str(tmp_path))
    assert rows["truth_at_ceiling"].tolist() == [1, 1]
    assert "100" in rendering.fold(rows)["truth at ceiling %"].tolist()
    assert any("no truth but the ceiling" in note for note in notes)
    assert tables.build("consistency", str(tmp_path))[0]["tau_truth"].isna().all()


def test_a_failed_sweep_is_said(tmp_path):
    for seed in (0, 1):
        made_results.write(str(tmp_path), {"seed": seed}, state="failed")
    for name in NAMES:
        rows, notes = tables.build(name, str(tmp_path))
        assert rows.empty and any("All 2 trials failed" in note for note in notes), name
        assert isinstance(rendering.render(rows, "markdown"), str)


def test_damaged_and_older_files_are_named_and_the_rest_is_tabulated(tmp_path):
    folder = str(tmp_path)
    configs = [made_results.write(folder, {"seed": seed}) for seed in (0, 1, 2)]
    half = tmp_path / "estimates" / f"{key(configs[0])}.parquet"
    half.write_bytes(half.read_bytes()[:300])
    old = tmp_path / "trials" / f"{key(configs[1])}.parquet"
    pq.write_table(pq.read_table(old).replace_schema_metadata({"schema_version": "0"}), old)
    rows, notes = tables.build("stability", folder)
    assert rows["seeds"].tolist() == [1, 1]
    assert sum("damaged file" in note for note in notes) == 1 and sum("schema version 0" in note for note in notes) == 1


def test_a_trial_that_stands_under_two_keys_is_said(tmp_path):
    made_results.write(str(tmp_path), {"seed": 0})
    assert not [note for note in tables.build("stability", str(tmp_path))[1] if "of another trial" in note]
    for path in list(tmp_path.rglob("*.parquet")):
        rows = pq.read_table(path)
        pq.write_table(
            rows.set_column(0, rows.schema.field("key"), [["0ld"] * len(rows)]), path.with_name("0ld.parquet")
        )
    rows, notes = tables.build("stability", str(tmp_path))
    assert sum(note.startswith("1 trial has the configuration and the seed") for note in notes) == 1
    page = report.write(str(tmp_path), str(tmp_path / "report")).read_text()
    assert "1 trial has the configuration and the seed" in page


def harm(path) -> None:
    """Damage a file's pages and leave its footer."""
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["estimates", "curves"])
def test_a_file_with_damaged_pages_is_named_and_the_rest_is_tabulated(tmp_path, name):
    folder = str(tmp_path)
    configs = [made_results.write(folder, {"seed": seed}) for seed in (0, 1, 2)]
    path = tmp_path / name / f"{key(configs[1])}.parquet"
    harm(path)
    rows, notes = tables.build("convergence", folder)
    assert rows["reinit_seeds"].unique().tolist() == [2]
    (note,) = [note for note in notes if "damaged file" in note]
    assert str(path) in note and note.isprintable()
    problems = [problem for one in compaction.compact(folder) for problem in one.problems]
    assert len(problems) == 1 and str(path) in problems[0]
    assert path.exists() and len(load(folder).trials) == 3


@pytest.mark.parametrize("rows", [1, 10**9])
def test_pieces_go_on_after_a_damaged_file(tmp_path, rows):
    configs = [made_results.write(str(tmp_path), {"seed": seed}) for seed in range(4)]
    damaged = sorted(map(key, configs))[1]
    harm(tmp_path / "curves" / f"{damaged}.parquet")
    pieces = list(records.scan(str(tmp_path), "curves", ["key", "bound"], rows, records.trials(str(tmp_path))))
    found = [piece["key"].unique().to_pylist() for piece, _ in pieces]
    assert sorted(sum(found, [])) == sorted({*map(key, configs)} - {damaged})
    assert len([problem for _, problems in pieces for problem in problems]) == 1


def test_a_file_with_other_columns_is_named(tmp_path):
    folder = str(tmp_path)
    configs = [made_results.write(folder, {"seed": seed}) for seed in (0, 1, 2)]
    paths = [tmp_path / "estimates" / f"{key(config)}.parquet" for config in configs]
    pq.write_table(pq.read_table(paths[0]).drop_columns(["truth"]), paths[0])
    texts = pq.read_table(paths[1])
    place = texts.column_names.index("truth")
    pq.write_table(texts.set_column(place, "truth", texts["truth"].cast("string")), paths[1])
    rows, notes = tables.build("stability", folder)
    assert rows["seeds"].tolist() == [1, 1] and sum("another type: truth." in note for note in notes) == 2
    compaction.compact(folder)
    assert [path.exists() for path in paths] == [True, True, False]


def test_seeds_with_one_pair_each(tmp_path):
    made_results.write(str(tmp_path), {"seed": 0, "mine.pairs": ("X;sm1",)})
    made_results.write(str(tmp_path), {"seed": 1, "mine.pairs": ("Y;sm1",)})
    assert tables.build("order", str(tmp_path))[0].empty
    assert report.write(str(tmp_path), str(tmp_path / "report")).exists()


def test_settings_are_told_apart_in_the_table_of_differences(tmp_path):
    for rate in (1e-5, 1e-4):
        made_results.write(str(tmp_path), {"mine.learning_rate": rate})
    rows = rendering.fold(tables.build("differences", str(tmp_path))[0])
    assert rows[["from", "to"]].iloc[0].tolist() == ["1e-05", "0.0001"]


def test_rows_from_before_a_field_was_added_have_what_trials_did_then(tmp_path, monkeypatch):
    monkeypatch.setitem(ADDED, "mine.moving_average_rate", 0.01)
    results = str(tmp_path)
    configs = [made_results.write(results, {"seed": seed, "mine.matmul_precision": "highest"}) for seed in (0, 1, 2)]
    part = tmp_path / "trials" / f"{key(configs[0])}.parquet"
    pq.write_table(pq.read_table(part).drop_columns(["mine.matmul_precision", "mine.moving_average_rate"]), part)
    for _ in range(2):
        trials = frames.trials(results)
        assert trials["mine.matmul_precision"].tolist() == ["highest"] * 3 and trials["configuration"].nunique() == 1
        assert trials["mine.moving_average_rate"].tolist() == [0.01] * 3
        assert tables.build("stability", results)[0]["seeds"].tolist() == [3, 3]
        read = records.read_trial(results, "trials", configs[0])
        assert read["mine.matmul_precision"].to_pylist() == ["highest"]
        compaction.compact(results)
    (merged,) = (tmp_path / "merged" / "trials").iterdir()
    assert pq.read_table(merged)["mine.matmul_precision"].to_pylist() == ["highest"] * 3


@pytest.mark.parametrize(
    "table, column", [("trials", "mine.epochs"), ("trials", "mine.samples"), ("estimates", "first_nonfinite_epoch")]
)
def test_a_field_that_was_there_before_must_have_its_column(tmp_path, table, column):
    """Also one that may be null: without it 'all samples' or 'never exploded' would be read from nothing."""
    config = made_results.write(str(tmp_path), {})
    made_results.write(str(tmp_path), {"seed": 1})
    part = tmp_path / table / f"{key(config)}.parquet"
    pq.write_table(pq.read_table(part).drop_columns([column]), part)
    _, notes = tables.build("stability", str(tmp_path))
    assert any(f"columns that are missing, doubled or of another type: {column}" in note for note in notes)


def test_an_unfinished_trial_has_no_rows(tmp_path):
    folder = str(tmp_path)
    made_results.write(folder, {"seed": 0})
    cut = made_results.write(folder, {"seed": 1})
    (tmp_path / "trials" / f"{key(cut)}.parquet").unlink()
    (tmp_path / "curves" / ".half.tmp").write_bytes(b"PAR1")
    assert tables.build("stability", folder)[0]["seeds"].tolist() == [1, 1]
    assert len(frames.network(folder)) == 21
    assert len(judging.fits(folder)) == 6 * 8 * 2


def test_curves_that_are_missing_leave_the_other_tables(tmp_path):
    import shutil

    made_results.write(str(tmp_path), {})
    shutil.rmtree(tmp_path / "curves")
    rows, notes = tables.build("convergence", str(tmp_path))
    assert rows.empty and any("No curve" in note for note in notes)
    assert len(tables.build("stability", str(tmp_path))[0]) == 2


@pytest.mark.parametrize(
    ("name", "unused"), [("accuracy", {"thresholds": "2"}), ("stability", {"field": "mine.epochs"})]
)
def test_an_option_that_a_table_does_not_use_is_refused(capsys, results, name, unused):
    from study import cli

    flags = [text for option, value in unused.items() for text in (f"--{option}", value)]
    with pytest.raises(SystemExit) as ended:
        cli.main(["table", results, "--which", name, *flags])
    assert ended.value.code == 2 and "it must be left out" in capsys.readouterr().err


def test_distance_is_what_a_search_minimises_and_the_nearest_comes_first(results):
    rows, _ = tables.build("distance", results)
    study = load(results)
    fits = study.configured(study.estimates, ["mine.noise_std", "mine.transfer_mode", "seed"])
    grouped = fits.groupby(["mine.noise_std", "mine.transfer_mode", "seed"]).apply(objectives.distance_to_truth)
    expected = grouped.groupby(level=[0, 1]).mean()
    found = rows.set_index(["mine.noise_std", "mine.transfer_mode"])["distance"]
    assert found.to_dict() == pytest.approx(expected.to_dict()) and found.is_monotonic_increasing
    assert rows["distance"].between(rows["distance_low"], rows["distance_high"]).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_table_of_some_trials_is_that_of_a_study_of_them_alone(tmp_path, results, name):
    rows, _ = tables.build(name, results, where=["mine.noise_std=1"])
    both, _ = tables.build(name, results)
    alone = str(tmp_path)
    made_results.study(alone)
    for key_ in frames.trials(alone).query("`mine.noise_std` == 0").index:
        for path in tmp_path.glob(f"*/{key_}*"):
            path.unlink()
    pd.testing.assert_frame_equal(rows, tables.build(name, alone)[0])
    # All trials of a seed share a LeNet-5.
    assert name in ("accuracy", *OF_THE_PAPER) or not rows.equals(both)


def test_a_table_of_no_trials_is_refused(results):
    with pytest.raises(InputError, match="where is 'mine.noise_std=7'; no such trial is here: mine.noise_std is 0, 1"):
        tables.build("stability", results, where=["mine.noise_std=7"])
    with pytest.raises(InputError, match="where is 'mine.noise_std=0'; no such trial is here: mine.noise_std is 1"):
        tables.build("stability", results, where=["mine.noise_std=1.0", "mine.noise_std=0"])
    for wrong, said in (
        ("mine.noise_std", "it must be FIELD=VALUE"),
        ("noise=1", "'noise' is no field of the configuration: it may be mine.noise_std"),
        ("state=completed", "'state' is no field of the configuration: `mine-study sweep --help` lists them"),
    ):
        with pytest.raises(InputError, match=f"where is '{wrong}'; {said}"):
            tables.build("stability", results, where=[wrong])


def test_fields_of_one_name_keep_their_columns(tmp_path):
    """network.batch_size and mine.batch_size, in tables and in the words of `differences`."""
    folder = str(tmp_path)
    for lenet, mine in ((64, 50), (64, 100), (128, 50)):
        made_results.write(folder, {"network.batch_size": lenet, "mine.batch_size": mine})
    printed = rendering.fold(tables.build("stability", folder)[0])
    assert printed["network.batch_size"].unique().tolist() == ["64", "128"]
    assert printed["mine.batch_size"].unique().tolist() == ["50", "100"]
    others = tables.build("differences", folder, field="mine.batch_size")[0]["others"]
    assert others.unique().tolist() == ["network.batch_size 64"]


def test_configurations_that_share_no_settled_cell_have_no_difference(tmp_path):
    """One whose fits all exploded beside one whose fits settled: the estimates' difference is empty, not an error."""
    folder = str(tmp_path)
    for marginals, exploded in (("permutation", 0.0), ("derangement", 1.0)):
        made_results.write(folder, {"mine.marginals": marginals}, exploded=exploded)
    rows, _ = tables.build("differences", folder)
    assert rows["estimate"].isna().all() and rows["estimate_seeds"].eq(0).all() and rows["exploded"].notna().all()


def test_lost_rows_of_completed_trials_are_told(tmp_path):
    config = made_results.write(str(tmp_path), {})
    made_results.write(str(tmp_path), {"seed": 1})
    (tmp_path / "estimates" / f"{key(config)}.parquet").unlink()
    (tmp_path / "lenet" / f"{key(config)}.parquet").unlink()
    for name in ("stability", "accuracy", "paper"):
        assert any("1 of 2 completed trials have no rows" in note for note in tables.build(name, str(tmp_path))[1])


def test_notes_say_the_tolerance_in_use(results):
    for name in ("convergence", "order"):
        for factor, said in ((0.5, "2.5 %"), (1, "5 %"), (2, "10 %")):
            assert said in tables.build(name, results, VerdictRule().scaled(factor))[1][0]


def test_a_later_layer_is_larger_tied_or_smaller():
    """Within 5 % or 0.05 nats of the layer before is tied; a layer without an estimate is none of these."""
    values = {"Y;maxpool1": 1.0, "Y;maxpool2": 1.04, "Y;relu3": 1.2, "Y;sm1": np.nan}
    fits = pd.DataFrame({"key": "a", "pair": list(values), "run": 1, "replicate": 0, "estimate": list(values.values())})
    fits = fits.astype({"key": "category", "pair": "category"})
    assert order.neighbours(fits, "estimate").fillna(-1).values.tolist() == [[0, 1, -1]]
    assert order.ties(fits, "estimate").fillna(-1).values.tolist() == [[1, 0, -1]]
    assert order.neighbours(fits, "estimate", VerdictRule().scaled(0.5)).iloc[0, 0] == 1


@pytest.fixture(scope="module")
def paper_study(tmp_path_factory) -> str:
    """Made rows of the study `paper`, one seed: two LeNet-5s, and pairs of X, of Y or of both."""
    folder = str(tmp_path_factory.mktemp("paper"))
    for config in studies.PAPER.configurations:
        made_results.write(folder, flatten(config))
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_every_table_is_made_of_the_paper_study(paper_study, name):
    rows, _ = tables.build(name, paper_study)
    printed = rendering.render(rows, "markdown")
    assert len(rows) and "nan" not in printed and "<NA>" not in printed
    assert "branch_units" not in printed and "conv_channels" not in printed  # one value each where they are used


def test_unset_samples_are_all(tmp_path):
    for samples, pairs in ((None, PAIRS[4:]), (6000, PAIRS)):
        made_results.write(str(tmp_path), {"mine.samples": samples, "mine.pairs": pairs})
    rows, _ = tables.build("convergence", str(tmp_path), where=["mine.samples=all"])
    assert set(rows["run"]) and set(rows["variable"]) == {"Y"}
    trials, fits = frames.trials(str(tmp_path)), judging.judge(judging.fits(str(tmp_path)))
    shares, _ = figure_data.explosion_grid(trials, fits, "mine.transfer_mode", "mine.samples")
    assert sorted(shares.columns) == ["6000", "all"] and list(shares.index) == ["reinit"]


def test_pairs_stand_in_tables_by_variable_and_are_chosen_so(paper_study):
    rows, _ = tables.build("stability", paper_study)
    assert set(rendering.fold(rows)["pairs"]) == {"all", "X", "Y"}
    chosen, _ = tables.build("stability", paper_study, where=["pairs=Y"])
    assert set(chosen["variable"]) == {"Y"}
    same, _ = tables.build("stability", paper_study, where=["pairs=Y;sm1 Y;relu3 Y;maxpool2 Y;maxpool1"])
    pd.testing.assert_frame_equal(chosen, same)


def test_a_setting_that_changes_no_number_splits_no_row(tmp_path):
    folder = str(tmp_path)
    for seed in (0, 1):
        made_results.write(folder, {"seed": seed, "network.optimizer": "adam", "network.momentum": 0.9 - 0.4 * seed})
    for name in ("accuracy", "stability"):
        assert tables.build(name, folder)[0]["seeds"].eq(2).all()


def test_agreement_counts_configurations_by_the_papers_row(tmp_path):
    """Two settings of one row, of which one explodes as the paper says; a row without settings is left out."""
    folder = str(tmp_path)
    for marginals, exploded in (("permutation", 0.0), ("derangement", 1.0)):
        for seed in (0, 1):
            changes = {"mine.marginals": marginals, "seed": seed, "schedule.first_probe": 20}
            made_results.write(folder, changes, exploded=exploded)
    rows = tables.build("agreement", folder)[0].set_index(["variable", "paper_row"])
    assert rows.index.tolist() == [("X", "Architecture 1"), ("Y", "Architecture 1")]
    row = rows.loc["X", "Architecture 1"]
    assert (row["configurations"], row["agree"], row["exploding"]) == (2, 0.5, 0.5)
    assert row[["converged", "underestimated", "no_word"]].sum() == 0.5


def test_trials_that_were_planned_and_have_not_completed_are_told(tmp_path):
    """A sweep that was stopped looks like a small study otherwise."""
    done = made_results.write(str(tmp_path), {"seed": 0})
    planned = tuple(replace(done, {"seed": seed}) for seed in (0, 1, 2))
    assert not any("planned" in note for note in tables.build("stability", str(tmp_path))[1])
    plans.write(str(tmp_path), plans.Plan("demo", planned[:1]))
    assert not any("planned" in note for note in tables.build("stability", str(tmp_path))[1])
    plans.write(str(tmp_path), plans.Plan("demo", planned))
    first = tables.build("accuracy", str(tmp_path))[1][0]
    assert first == "2 of 3 trials that were planned here have not completed (`mine-study status`)."
    report.write(str(tmp_path), str(tmp_path / "page"))
    assert first.partition(" (")[0] in (tmp_path / "page" / "report.html").read_text()


def test_help_tells_what_every_table_has_and_an_unknown_one_is_refused(capsys, results):
    from study import cli

    with pytest.raises(SystemExit):
        cli.main(["table", "--help"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert all(f"{name}: {one.about}" in said for name, one in tables.TABLES.items())
    with pytest.raises(InputError, match="which is 'stabilty'; it must be one of stability, pairs"):
        tables.build("stabilty", results)
