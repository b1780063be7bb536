import numpy as np
import pytest
import scipy.stats

from analysis.words import majority_word
from analysis.words import of_seeds as words
from trainables.objectives import distance_to_truth, instability, retained_information
from trainables.verdict import (
    VerdictRule,
    bias,
    curve_summary,
    exploded_epoch,
    late_slope,
    outcome,
    running_means,
    window,
)

CEILING = 2.3


def judge(curve, finite=None, dead=0, ceiling=CEILING, rule=None, truth=2.0, optimum=2.0) -> tuple[str, float]:
    curve = np.atleast_2d(np.asarray(curve, float))
    finite = np.ones(curve.shape, bool) if finite is None else np.atleast_2d(finite)
    fits = {**curve_summary(curve, finite, [ceiling]), "ceiling": [ceiling], "dead_hidden_layers": [dead]}
    fits |= {"epochs": [curve.shape[1]], "truth": [truth], "optimum": [optimum]}
    return str(outcome(fits, rule)[0]), exploded_epoch(fits)[0]


def test_window_is_a_tenth_and_at_least_two():
    assert [window(epochs) for epochs in (1, 5, 20, 21, 100)] == [2, 2, 2, 3, 10]


def test_running_means():
    np.testing.assert_allclose(running_means([1.0, 3.0, 5.0], 2), [2, 4])
    assert np.isnan(running_means([1.0, np.inf, 5.0], 2)).all()
    assert running_means([1.0], 2).size == 0


def test_a_flat_curve_is_settled_and_its_estimate_is_its_level():
    curve = [0.5, 1.0, 1.4, *[1.5] * 7]
    assert judge(curve) == ("settled", pytest.approx(np.nan, nan_ok=True))
    assert curve_summary([curve], np.ones((1, 10), bool), [CEILING])["estimate"][0] == 1.5


def test_the_estimate_is_never_the_maximum():
    curve = [1.0] * 8 + [1.02, 1.0]
    assert curve_summary([curve], np.ones((1, 10), bool), [CEILING])["estimate"][0] == pytest.approx(1.01)


def test_a_climbing_curve_is_unsettled():
    assert judge(np.linspace(0, 2, 20))[0] == "unsettled"


def test_a_curve_below_its_own_past_is_unsettled():
    assert judge([2.0] * 6 + [1.0] * 14)[0] == "unsettled"


def test_a_steady_climb_is_unsettled_though_neighbouring_windows_are_near():
    curve = np.linspace(0, 3, 100)  # its last two windows differ by 0.3 of 2.86
    assert judge(curve, ceiling=5.0)[0] == "unsettled"
    doubling = np.log2(np.arange(1, 101))
    assert judge(2.5 + 0.3 * doubling, ceiling=9.0)[0] == "settled"  # 0.3 of 4.5 nats per doubling
    assert judge(1 + 0.3 * doubling, ceiling=9.0)[0] == "unsettled"  # of 3.0: 10 %, and twice that to come


def test_a_curve_that_fluctuates_has_not_shown_that_it_is_flat():
    noise = np.random.default_rng(0).normal(size=100)
    assert judge(1 + 0.03 * noise, ceiling=9.0)[0] == "settled"
    assert judge(1 + 0.1 * noise, ceiling=9.0)[0] == "unsettled"


def test_the_slope_is_that_of_the_last_half_against_log2_of_the_epoch():
    epochs = np.arange(1, 42)
    curve = np.where(epochs > 21, 0.3 * np.log2(epochs) + 0.01 * (-1.0) ** epochs, 5.0)
    slope, error = late_slope(np.stack([curve, np.where(epochs == 30, np.nan, curve)]))
    line = scipy.stats.linregress(np.log2(epochs[21:]), curve[21:])
    assert (slope[0], error[0]) == pytest.approx((line.slope, line.stderr))
    assert np.isnan(slope[1]) and np.isnan(error[1])
    assert np.isnan(late_slope(np.ones(4))).all()


def test_too_few_epochs_are_never_settled_nor_stuck():
    assert [judge([1.0] * epochs)[0] for epochs in (1, 4, 9, 10)] == ["unsettled"] * 3 + ["settled"]
    assert [judge([0.02] * epochs, truth=7.0, optimum=4.6)[0] for epochs in (4, 10)] == ["unsettled", "stuck"]


def test_a_fit_that_never_left_the_ground_is_stuck_unless_there_is_nothing_to_find():
    ground = [0.005, -0.005] * 10
    assert judge(ground)[0] == "stuck"
    assert judge(ground, truth=0.09)[0] == "settled"
    assert judge(ground, optimum=0.09)[0] == "settled"
    assert judge(ground, truth=np.nan, optimum=np.nan)[0] == "settled"  # nobody said that there is more
    assert judge([*[0.3] * 4, *[0.0] * 16])[0] == "unsettled"  # it left, and fell back
    assert judge(ground, dead=1)[0] == "collapsed"


def test_a_record_without_the_slope_is_not_judged_where_that_would_tell():
    def word(**changes: float) -> str:
        return str(outcome(fits({**fit(), "late_slope": np.nan, **changes}))[0])

    assert word() == ""
    assert word(first_nonfinite_epoch=3) == "exploded"
    assert word(dead_hidden_layers=1) == "collapsed"
    assert word(estimate=0.0, highest_running_mean=0.04) == "stuck"
    assert word(epochs=9) == "unsettled"


def test_beyond_the_ceiling_is_exploded_at_the_first_epoch_outside():
    # Ceiling 2.3, tolerance 0.23: the mean over epochs 5 and 6 is the first above 2.53.
    assert judge([1, 1, 2, 2.5, 2.5, 2.7, 2.7, 2.7]) == ("exploded", 6)
    assert judge([2.5] * 10)[0] == "settled"


def test_below_zero_is_exploded():
    assert judge([-0.3] * 10)[0] == "exploded"
    assert judge([-0.2] * 10)[0] == "settled"


def test_a_single_spike_inside_a_window_is_no_explosion():
    curve = [1.0] * 100
    curve[50] = 1.3
    assert judge(curve)[0] == "settled"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bound_that_is_not_finite_is_exploded_at_its_epoch(bad):
    curve = [1.0] * 10
    curve[6] = bad
    assert judge(curve) == ("exploded", 7)


def test_a_parameter_that_is_not_finite_is_exploded_though_the_bound_is():
    finite = [True] * 9 + [False]
    assert judge([1.0] * 10, finite) == ("exploded", 10)


def test_dead_layers_are_collapsed_unless_exploded():
    assert judge([0.0] * 10, dead=1)[0] == "collapsed"
    assert judge([*[0.0] * 9, np.nan], dead=1)[0] == "exploded"


def test_the_estimate_is_missing_if_its_window_is_not_finite():
    curve = [1.0] * 10
    curve[9] = np.nan
    assert np.isnan(curve_summary([curve], np.ones((1, 10), bool), [CEILING])["estimate"][0])
    curve = [np.nan] + [1.0] * 9
    assert curve_summary([curve], np.ones((1, 10), bool), [CEILING])["estimate"][0] == 1.0


def test_thresholds_can_be_halved_and_doubled():
    rule = VerdictRule()
    curve = 1 + 0.1 * np.log2(np.arange(1, 101) / 100)
    assert [judge(curve, rule=rule.scaled(factor))[0] for factor in (0.5, 1, 2)] == [
        "unsettled",
        "unsettled",
        "settled",
    ]
    high = [2.6] * 10
    assert [judge(high, rule=rule.scaled(factor))[0] for factor in (0.5, 1, 2)] == ["exploded", "exploded", "settled"]


def test_many_fits_are_judged_as_one_by_one():
    random = np.random.default_rng(0)
    curves = np.cumsum(random.normal(0.05, 0.1, (50, 30)), axis=1)
    summary = curve_summary(curves, np.ones(curves.shape, bool), np.full(50, CEILING))
    same = {"ceiling": CEILING, "dead_hidden_layers": 0, "epochs": 30, "truth": 2.0, "optimum": 2.0}
    together = outcome({**summary, **{name: np.full(50, value) for name, value in same.items()}})
    assert together.tolist() == [judge(curve)[0] for curve in curves]
    assert len(set(together)) > 1


@pytest.mark.parametrize(
    ("estimate", "reference", "expected"),
    [
        (2.0, 2.0, "within"), (1.34, 2.0, "within"), (1.32, 2.0, "under"), (2.99, 2.0, "within"), (3.01, 2.0, "over"),
        (0.0, 0.04, "within"), (0.08, 0.04, "within"), (0.10, 0.04, "over"), (-0.06, 0.0, "under"),
        (50.0, np.inf, "under"),
    ],
)  # fmt: skip
def test_bias(estimate, reference, expected):
    assert bias([estimate], [reference])[0] == expected


def test_bias_is_undecided_where_the_standard_error_decides():
    assert bias([1.32, 1.32, 1.0], [2.0, 2.0, 2.0], [0.02, 0.001, 0.02]).tolist() == ["undecided", "under", "under"]


@pytest.mark.parametrize(
    ("exploded", "ended", "ratio", "word"),
    [
        (0.0, 1.0, 0.9, "Converged"), (0.0, 1.0, 1.5, "Converged"), (0.0, 1.0, 1.51, ""),
        (0.0, 1.0, 0.6, "Underestimated"), (0.0, 1.0, np.nan, ""),
        (0.25, 0.0, np.nan, "Exploding"), (0.24, 0.76, 0.9, "Converged"), (0.0, 0.49, 0.9, ""),
        (0.0, 0.5, 0.9, "Converged"),
    ],
)  # fmt: skip
def test_the_papers_words(exploded, ended, ratio, word):
    assert words([exploded], [ended], [ratio])[0] == word


def test_a_word_needs_more_than_half_of_the_seeds():
    assert majority_word(["Exploding", "Exploding", "Converged"]) == "Exploding"
    assert majority_word(["Exploding", "Converged"]) == ""
    assert majority_word(["", "", "Converged"]) == ""


def fit(estimate=1.0, truth=2.0, without=2.3, dead=0, highest=None, slope=0.0, bad=np.nan) -> dict:
    """A settled fit, unless said."""
    return {
        "epochs": 100,
        "estimate": estimate,
        "late_slope": slope,
        "late_slope_error": 0.0,
        "highest_running_mean": estimate if highest is None else highest,
        "lowest_running_mean": 0.0,
        "first_nonfinite_epoch": bad,
        "dead_hidden_layers": dead,
        "ceiling": CEILING,
        "truth": truth,
        "optimum": truth,
        "truth_without_noise": without,
    }


def fits(*rows: dict) -> dict:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize(
    ("row", "distance"),
    [
        (fit(), 0.5),
        (fit(estimate=2.0), 0.0),
        (fit(estimate=2.5, highest=2.5), 0.25),
        (fit(slope=0.8), 0.5),  # unsettled fits have a distance too
        (fit(estimate=2.0, dead=1), 1.0),
        (fit(estimate=0.04), 1.0),  # stuck
        (fit(estimate=2.0, highest=9.0), 1.0),
        (fit(estimate=np.nan, bad=3), 1.0),
        (fit(estimate=np.nan), 1.0),  # fewer epochs than a window
        (fit(estimate=-0.2), 1.0),
        (fit(estimate=0.09, truth=0.09), 1.0),
        (fit(estimate=0.12, truth=0.12), 0.0),
        (fit(estimate=0.12, truth=0.12, without=2.41), 1.0),  # noise has destroyed more than 95 %
    ],
)
def test_distance_to_truth_of_one_fit(row, distance):
    assert distance_to_truth(fits(row)) == pytest.approx(distance)


def test_objectives_are_means_over_fits():
    rows = fits(fit(), fit(estimate=2.0), fit(estimate=np.nan, bad=1, truth=0.0), fit(slope=0.8))
    assert distance_to_truth(rows) == pytest.approx((0.5 + 0 + 1 + 0.5) / 4)
    assert instability(rows) == 0.5
    assert retained_information(rows) == pytest.approx(3 * 2 / 4 / CEILING)
