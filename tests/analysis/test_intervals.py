import numpy as np
import pytest

from analysis import intervals


def test_students_t_below_ten_seeds():
    found = intervals.of_means([[1.0, 2.0, 3.0, 4.0]]).iloc[0]
    half = 3.182446 * np.std([1, 2, 3, 4], ddof=1) / 2
    assert found.tolist() == pytest.approx([2.5, 2.5 - half, 2.5 + half, 4], abs=1e-5)


def test_the_bootstrap_from_ten_seeds_covers_the_mean_as_it_says():
    random, covered = np.random.default_rng(1), 0
    for _ in range(200):
        found = intervals.of_means(random.exponential(1.0, (1, 20))).iloc[0]
        covered += found["low"] <= 1 <= found["high"]
    assert 0.85 <= covered / 200 <= 0.99


def test_seeds_without_a_value_are_left_out():
    found = intervals.of_means([[1.0, np.nan, 3.0], [np.nan] * 3])
    assert found["seeds"].tolist() == [2, 0] and found["mean"].isna().tolist() == [False, True]


def test_one_seed_or_equal_seeds_have_no_interval():
    for per_seed in ([2.0], [2.0, 2.0]):
        found = intervals.of_means([per_seed]).iloc[0]
        assert found["mean"] == 2.0 and found[["low", "high"]].isna().all()
    assert np.isnan(intervals.of_share([0.9, 0.9]).low)


def test_shares_stay_within_0_and_1():
    found = intervals.of_share([0.0, 0.1, 0.9])
    assert (found.low, found.high) == (0.0, 1.0)
