import numpy as np
import pandas as pd
import pytest

from analysis import rendering, stability
from tests.analysis.made import made_fits, made_trials, notes, table
from tests.lenet5 import PAIRS
from trainables.verdict import VerdictRule


def test_a_row_for_each_configuration_and_variable():
    trials = made_trials({}, {"mine.noise_std": 1.0})
    rows = table("stability", trials, made_fits(trials))
    assert rows[["mine.noise_std", "variable"]].values.tolist() == [[0, "X"], [0, "Y"], [1, "X"], [1, "Y"]]
    assert rows["seeds"].tolist() == [3] * 4
    assert rows["fits"].tolist() == [3 * 2 * 4 * 2] * 4
    assert rows["settled"].tolist() == [1.0] * 4
    assert rows["estimate"].tolist() == [2.0] * 4


def test_exploded_fits_count_by_seed_and_leave_the_estimate():
    trials = made_trials({})
    fits = made_fits(trials)
    hit = (fits.key == "0-1") & (fits.pair == "X;relu3")
    fits.loc[hit, ["estimate", "first_nonfinite_epoch"]] = [np.nan, 40]
    x, y = table("stability", trials, fits).to_dict("records")
    assert x["exploded"] == pytest.approx(1 / 12)
    assert (x["exploded_low"], x["exploded_epoch"]) == (0, 40)
    assert 0.25 < x["exploded_high"] < 0.5
    assert x["estimate"] == pytest.approx(2.0)
    assert (y["exploded"], y["exploded_low"]) == (0, 0)
    assert y["exploded_high"] == pytest.approx(0.56, abs=0.01)  # Wilson, none of three seeds


def test_an_exploded_fit_with_a_finite_end_is_not_in_the_estimate():
    trials = made_trials({})
    fits = made_fits(trials)
    hit = fits.pair == "X;relu3"
    fits.loc[hit, ["estimate", "highest_running_mean"]] = 50.0
    assert table("stability", trials, fits)["estimate"].tolist() == [2.0, 2.0]


def test_seeds_that_lack_pairs_do_not_shift_the_estimate():
    """In one seed all but sm1 exploded; where seeds have values they are equal."""
    trials = made_trials({})
    fits = made_fits(trials)
    level = fits.pair.str[2:].map({"maxpool1": 4.0, "maxpool2": 4.0, "relu3": 3.0, "sm1": 0.5})
    for column in ("estimate", "highest_running_mean"):
        fits[column] = level
    fits.loc[(fits.key == "0-1") & (fits.pair.str[2:] != "sm1"), "first_nonfinite_epoch"] = 5
    row = table("stability", trials, fits).iloc[0]
    assert row["estimate"] == pytest.approx(2.875)
    assert np.isnan(row["estimate_low"])  # the seeds do not differ
    assert (row["estimate_seeds"], row["spread_seeds"]) == (3, 0)


def test_an_interval_needs_pairs_and_runs_that_seeds_share():
    trials = made_trials({}, seeds=(0, 1))
    fits = made_fits(trials)
    for column in ("estimate", "highest_running_mean"):
        fits[column] += fits.run + fits.key.str[-1].astype(int)
    apart = fits.assign(late_slope=np.where(fits.run - 1 == fits.key.str[-1].astype(int), 0, 9))
    row = table("stability", trials, apart).iloc[0]
    assert row["estimate"] == 4.0 and np.isnan(row["estimate_low"])
    row = table("stability", trials, fits).iloc[0]
    # Seeds at 3.5 and 4.5: Student's t with one degree of freedom.
    assert (row["estimate"], row["estimate_high"] - 4.0) == pytest.approx((4.0, 12.706 * 0.5), abs=1e-3)


def test_truth_and_estimate_are_averaged_alike():
    """Twice as many settled fits in one pair do not weigh it twice, in either."""
    trials = made_trials({}, seeds=(0,))
    fits = made_fits(trials, pairs=("X;maxpool1", "X;sm1"), runs=(1,), replicates=(0, 1, 2, 3))
    level = fits.pair.map({"X;maxpool1": 4.0, "X;sm1": 1.0})
    for column in ("estimate", "highest_running_mean", "truth", "optimum"):
        fits[column] = level
    fits.loc[(fits.pair == "X;sm1") & (fits.replicate > 0), "late_slope"] = 9.0
    row = table("stability", trials, fits).iloc[0]
    assert row[["estimate", "truth", "optimum"]].tolist() == [2.5, 2.5, 2.5]


def test_stuck_fits_are_counted():
    trials = made_trials({})
    fits = made_fits(trials)
    hit = fits.pair == "X;sm1"
    fits.loc[hit, ["estimate", "highest_running_mean"]] = 0.01
    assert table("stability", trials, fits)["stuck"].tolist() == [0.25, 0.0]


def test_configurations_that_differ_in_unused_settings_are_one_row():
    trials = pd.concat([made_trials({}, seeds=(0,)), made_trials({"mine.branch_units": 7}, seeds=(1,))])
    rows = table("stability", trials, made_fits(trials))
    assert rows["seeds"].tolist() == [2, 2]


def test_the_epoch_of_explosion_is_given_under_the_committed_rule_only():
    trials = made_trials({})
    fits = made_fits(trials).assign(first_nonfinite_epoch=40.0)
    assert table("stability", trials, fits)["exploded_epoch"].tolist() == [40, 40]
    other = table("stability", trials, fits, VerdictRule().scaled(2))
    assert other["exploded_epoch"].isna().all()
    assert any("committed thresholds" in note for note in notes(trials, other))


def test_by_pair_gives_a_row_a_pair():
    trials = made_trials({})
    fits = made_fits(trials)
    fits.loc[fits.pair == "Y;sm1", "dead_hidden_layers"] = 1
    rows = table("pairs", trials, fits).set_index("pair")
    assert set(rows.index) == set(PAIRS)
    assert rows["collapsed"].to_dict() == {pair: float(pair == "Y;sm1") for pair in PAIRS}


def test_the_rule_reaches_the_table():
    trials = made_trials({})
    fits = made_fits(trials).assign(late_slope=0.2)
    assert table("stability", trials, fits)["settled"].tolist() == [0, 0]
    assert table("stability", trials, fits, VerdictRule().scaled(2))["settled"].tolist() == [1, 1]


def test_spreads_between_seeds_and_between_replicates_are_told_apart():
    trials = made_trials({})
    fits = made_fits(trials)
    by_seed, by_replicate = fits.copy(), fits.copy()
    for column in ("estimate", "highest_running_mean"):
        by_seed[column] += by_seed.key.str[-1].astype(int)
        by_replicate[column] += by_replicate.replicate
    assert table("stability", trials, by_seed)[["spread_seeds", "spread_replicates"]].values.tolist() == [[1, 0]] * 2
    spread = table("stability", trials, by_replicate)[["spread_seeds", "spread_replicates"]].values
    np.testing.assert_allclose(spread, [[0, 0.5**0.5]] * 2)


def test_one_seed_has_no_interval():
    trials = made_trials({}, seeds=(4,))
    rows = table("stability", trials, made_fits(trials))
    assert rows[["exploded_low", "settled_high", "estimate_low", "spread_seeds"]].isna().all(axis=None)
    assert any("one seed" in note for note in notes(trials, rows))


def test_truth_and_optimum_are_told_apart():
    trials = made_trials({})
    fits = made_fits(trials).assign(truth=8.0, optimum=2.5)
    row = table("stability", trials, fits).iloc[0]
    assert row[["truth", "optimum", "per_truth", "per_optimum"]].tolist() == pytest.approx([8.0, 2.5, 0.25, 0.8])
    assert row[["under_truth", "within_optimum"]].tolist() == [1.0, 1.0]
    assert row[["bias_truth", "bias_optimum"]].tolist() == ["under 100%", "within 100%"]
    infinite = table("stability", trials, fits.assign(optimum=np.inf)).iloc[0]
    assert (infinite["optimum"], infinite["bias_optimum"]) == (np.inf, "")
    assert np.isnan(infinite["per_optimum"]) and infinite["under_truth"] == 1.0


def test_only_settled_fits_are_held_against_the_truth_which_is_that_of_all_pairs():
    trials = made_trials({})
    fits = made_fits(trials).assign(truth=2.0, optimum=2.0)
    fits.loc[fits.pair == "X;sm1", ["estimate", "late_slope", "truth"]] = [0.2, 0.1, 10.0]
    fits.loc[fits.replicate == 0, ["estimate", "late_slope"]] = [0.2, 0.1]
    row = table("stability", trials, fits).iloc[0]
    assert row[["unsettled", "estimate", "truth", "per_truth"]].tolist() == [0.625, 2.0, 4.0, 1.0]
    assert row[["within_truth", "pairs", "estimate_pairs", "per_truth_pairs"]].tolist() == [1.0, 4, 3, 3]
    printed = rendering.fold(table("stability", trials, fits), stability.COLUMNS).iloc[0]
    assert printed["estimate"] == "2.00 3 of 4 pairs" and printed["est./truth"] == "1.00 3 of 4 pairs"


def test_order_violations_are_counted_in_estimates_and_in_truths():
    trials = made_trials({})
    fits = made_fits(trials)
    level = fits.pair.str[2:].map({"maxpool1": 4.0, "maxpool2": 4.1, "relu3": 3.0, "sm1": 5.0})
    for column in ("estimate", "highest_running_mean"):
        fits[column] = level
    fits["truth"] = fits.pair.str[2:].map({"maxpool1": 4.0, "maxpool2": 3.0, "relu3": 2.0, "sm1": 1.0})
    rows = table("stability", trials, fits)
    # 4.1 after 4.0 is within the tolerance of 5 %; 5.0 after 3.0 is not.
    assert rows["disorder"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert rows["disorder_truth"].tolist() == [0, 0]


def test_a_truth_too_uncertain_to_judge_is_undecided():
    trials = made_trials({})
    fits = made_fits(trials).assign(truth=2.99, truth_standard_error=0.02)
    assert table("stability", trials, fits)["undecided_truth"].tolist() == [1.0, 1.0]


def test_failed_trials_are_counted_in_the_notes():
    done, failed = made_trials({}), made_trials({"mine.noise_std": 9.0}, state="failed")
    failed.index = ["f0", "f1", "f2"]
    trials = pd.concat([done, failed])
    rows = table("stability", trials, made_fits(done))
    assert any(note.startswith("3 trials failed") for note in notes(trials, rows))


def test_rendering():
    trials = made_trials({}, {"mine.learning_rate": 1e-5})
    rows = table("stability", trials, made_fits(trials))
    markdown = rendering.render(rows, stability.COLUMNS, "markdown")
    assert "| 1e-05 " in markdown and "100 [44, 100]" in markdown and "| 2.00 " in markdown
    assert "nan" not in markdown
    latex = rendering.render(rows, stability.COLUMNS, "latex")
    assert r"\toprule" in latex and r"settled \%" in latex and r"noise\_std" in latex
    from io import StringIO

    back = pd.read_csv(StringIO(rendering.render(rows, stability.COLUMNS, "csv")))
    assert list(back.columns) == list(rows.columns)
