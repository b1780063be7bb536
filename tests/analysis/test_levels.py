"""Estimate, truth, optimum and their ratios in one row, and intervals that end where their numbers can."""

import numpy as np
import pandas as pd
import pytest

from analysis import cells, intervals, levels, rendering, stability
from analysis.results import COMMITTED
from tests.analysis.made import MadeResults, made_fits, made_trials, table
from tests.lenet5 import PAIRS

X = PAIRS[:4]


def settle(fits: pd.DataFrame, level) -> pd.DataFrame:
    """The fits, settled at a level."""
    return fits.assign(estimate=level, highest_running_mean=level, lowest_running_mean=level)


def unsettle(fits: pd.DataFrame, which) -> pd.DataFrame:
    return fits.assign(late_slope=fits["late_slope"].mask(which, 9.0))


def by_pair(fits: pd.DataFrame, *values: float) -> pd.Series:
    return fits["pair"].map(dict(zip(X, values, strict=True)))


def test_rows_of_one_noise_have_one_truth_whichever_fits_settled():
    """Two settings on the same layers: in one nothing settled but sm1, of which the truth is small."""
    trials = made_trials({"mine.noise_std": 1.0}, {"mine.noise_std": 1.0, "mine.marginals": "derangement"})
    fits = made_fits(trials, pairs=X)
    fits = settle(fits.assign(truth=by_pair(fits, 7.0, 6.0, 5.0, 2.0), optimum=by_pair(fits, 3.0, 3.0, 3.0, 2.0)), 1.0)
    fits = unsettle(fits, (fits["key"].str[0] == "1") & (fits["pair"] != "X;sm1"))
    second, first = table("stability", trials, fits).to_dict("records")  # derangement, permutation
    assert first["truth"] == second["truth"] == 5.0 and first["optimum"] == second["optimum"] == 2.75
    assert (first["estimate_pairs"], second["estimate_pairs"], second["pairs"]) == (4, 1, 4)
    assert (first["per_truth"], second["per_truth"]) == pytest.approx(((1 / 6 + 1 / 5) / 2, 0.5))


def test_a_row_agrees_with_its_pairs_and_a_pairs_ratio_with_its_estimate_and_truth():
    trials = made_trials({})
    fits = made_fits(trials, pairs=X)
    wobble = fits["key"].str[-1].astype(int) * 0.01 + fits["run"] * 0.02 + fits["replicate"] * 0.03
    fits = settle(fits.assign(truth=by_pair(fits, 8.0, 6.0, 4.0, 2.0)), by_pair(fits, 0.8, 3.0, 1.2, 1.9) + wobble)
    pairs = table("pairs", trials, fits)
    assert (pairs["estimate"] / pairs["truth"]).tolist() == pytest.approx(pairs["per_truth"].tolist())
    row = table("stability", trials, fits).iloc[0]
    assert row["per_truth"] == pytest.approx(pairs["per_truth"].median())
    assert row[["estimate", "truth"]].tolist() == pytest.approx(pairs[["estimate", "truth"]].mean().tolist())
    ends = [pairs["per_truth"].min(), pairs["per_truth"].max()]
    assert row[["per_truth_least", "per_truth_most"]].tolist() == pytest.approx(ends)
    assert rendering.fold(table("stability", trials, fits), stability.COLUMNS)["est./truth of pairs"].tolist() == [
        "0.11 to 0.98"
    ]
    assert "est./truth of pairs" not in rendering.fold(pairs, stability.PAIR_COLUMNS)


@pytest.mark.parametrize("seeds", [2, 3])
def test_intervals_end_where_their_numbers_can(seeds):
    """Student's t on these seeds reaches below 0 and above the ceiling, in nats and in ratios."""
    trials = made_trials({}, seeds=tuple(range(seeds)))
    fits = made_fits(trials, pairs=X)
    ends = np.array([0.3, 9.6, 7.0])
    fits = settle(fits.assign(truth=10.0, optimum=10.0), ends[fits["key"].str[-1].astype(int)])
    of_values = intervals.of_means([ends[:seeds]]).iloc[0]
    assert of_values.low < 0 and of_values.high > 12.1
    row = table("stability", trials, fits).iloc[0]
    # The ceiling is 11, past which a tenth is allowed before a fit has exploded.
    assert row[["estimate_low", "estimate_high"]].tolist() == pytest.approx([0, 12.1])
    assert row[["per_truth_low", "per_truth_high"]].tolist() == pytest.approx([0, 1.21])
    assert row[["per_optimum_low", "per_optimum_high"]].tolist() == pytest.approx([0, 1.21])


def test_an_interval_reaches_below_0_where_a_seed_does():
    trials = made_trials({})
    fits = settle(made_fits(trials, pairs=X), made_fits(trials, pairs=X)["key"].str[-1].astype(int) * -0.1 - 0.1)
    row = table("stability", trials, fits).iloc[0]
    assert row["estimate"] == pytest.approx(-0.2) and row["estimate_low"] == pytest.approx(-0.3)


def test_a_seed_that_lacks_pairs_does_not_move_the_ratio():
    """In one seed nothing settled but sm1, whose ratio is the highest; where seeds have values they are equal."""
    trials = made_trials({})
    fits = made_fits(trials, pairs=X)
    fits = settle(fits.assign(truth=4.0), by_pair(fits, 0.4, 0.8, 1.2, 4.0))
    fits = unsettle(fits, (fits["key"] == "0-1") & (fits["pair"] != "X;sm1"))
    row = table("stability", trials, fits).iloc[0]
    assert row["per_truth"] == pytest.approx(0.25) and np.isnan(row["per_truth_low"])  # 1.0 in one seed before
    assert (row["per_truth_seeds"], row["estimate"]) == (3, pytest.approx(1.6))


def test_an_estimate_is_held_against_the_truth_of_its_own_runs():
    """Only the second run settled, in which the layer holds more: within a tenth, and not twice the truth."""
    trials = made_trials({})
    fits = made_fits(trials, pairs=("X;sm1",))
    fits = settle(fits.assign(truth=fits["run"].map({1: 0.2, 2: 2.0})), 1.9)
    row = table("stability", trials, unsettle(fits, fits["run"] == 1)).iloc[0]
    assert row[["estimate", "truth", "per_truth"]].tolist() == pytest.approx([1.9, 1.1, 0.95])


def test_pairs_whose_optimum_is_infinite_have_no_ratio_to_it():
    trials = made_trials({})
    fits = made_fits(trials, pairs=X).assign(truth=4.0)
    fits["optimum"] = by_pair(fits, np.inf, np.inf, 8.0, 4.0)
    row = table("stability", trials, fits).iloc[0]
    assert row["optimum"] == np.inf and row[["per_optimum", "per_optimum_pairs"]].tolist() == [0.375, 2]
    assert row[["per_truth", "per_truth_pairs"]].tolist() == [0.5, 4]
    assert rendering.fold(table("stability", trials, fits), stability.COLUMNS)["est./optimum"].tolist() == [
        "0.38 2 of 4 pairs"
    ]


def test_ratios_to_hardly_any_information_are_left_out():
    trials = made_trials({})
    fits = made_fits(trials, pairs=X)
    fits = settle(fits.assign(truth=by_pair(fits, 4.0, 4.0, 0.09, 0.0)), by_pair(fits, 2.0, 2.0, 0.01, 0.01))
    row = table("stability", trials, fits).iloc[0]
    assert row[["per_truth", "per_truth_pairs", "estimate_pairs"]].tolist() == [0.5, 2, 4]


def test_the_median_over_pairs_is_numpys():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 5, 3)).round(1)
    values[rng.random(values.shape) < 0.3] = np.nan
    values[0, 1:] = np.nan  # a single pair
    values = values[~np.isnan(values).all(axis=1).any(axis=1)]
    np.testing.assert_array_equal(levels.median(values), np.nanmedian(values, axis=1))
    assert np.isnan(levels.median(np.full((1, 4, 1), np.nan)))


def test_differences_of_ratios_are_of_the_pairs_that_both_have_and_end_where_they_can():
    trials = made_trials({"mine.hidden_units": 10}, {"mine.hidden_units": 20}, seeds=(0, 1))
    fits = made_fits(trials, pairs=X)
    second, seed = fits["key"].str[0] == "1", fits["key"].str[-1].astype(int)
    fits = settle(fits.assign(truth=4.0), by_pair(fits, 0.4, 0.8, 1.2, 4.0) + second * 0.4 * (1 + seed))
    fits = unsettle(fits, second & fits["pair"].isin(X[:2]))
    row = table("differences", trials, fits).iloc[0]
    assert row[["per_truth", "estimate", "truth"]].tolist() == pytest.approx([0.15, 0.6, 0.0])
    assert row[["per_truth_low", "estimate_high"]].tolist() == pytest.approx(
        [0.15 - 12.706 * 0.05, 0.6 + 12.706 * 0.2], abs=1e-3
    )
    apart = table("differences", trials, fits.assign(ceiling=4.0, estimate=fits["estimate"].clip(upper=4.0))).iloc[0]
    assert apart["settled_low"] == -1 or np.isnan(apart["settled_low"])
    noisier = made_trials({"mine.noise_std": 1.0}, {"mine.noise_std": 2.0})
    fits = made_fits(noisier, pairs=X)
    fits = fits.assign(truth=np.where(fits["key"].str[0] == "1", 3.0, 5.0), optimum=np.inf)
    row = table("differences", noisier, fits).iloc[0]
    assert row["truth"] == -2.0 and np.isnan(row["optimum"])  # of two infinite optima


def test_levels_need_no_settled_fit():
    trials = made_trials({})
    fits = made_fits(trials, pairs=X).assign(late_slope=9.0)
    arranged, _ = cells.arrange(MadeResults(trials, fits), "variable")
    row = levels.table(arranged, COMMITTED).iloc[0]
    assert row[["truth", "optimum", "pairs", "estimate_pairs"]].tolist() == [2, 2, 4, 0]
    assert row[["estimate", "per_truth", "per_truth_least", "estimate_low"]].isna().all()
