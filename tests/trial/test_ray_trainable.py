"""What a trial reports after a run."""

from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest

from trainables.trial import ray_trainable

_FLAT = {"epochs": 100, "late_slope": 0.0, "late_slope_error": 0.0}


def fit(pair: str, estimate: float | None, truth: float, optimum: float, **changes: float) -> dict:
    """A fit that did not explode, as the rule reads it, unless changes say so."""
    row = {"key": "k", "run": 1, "pair": pair, "estimate": estimate, "truth": truth, "optimum": optimum, "ceiling": 7.0}
    row |= {name: estimate for name in ("highest_running_mean", "lowest_running_mean")}
    return {**row, "first_nonfinite_epoch": None, "dead_hidden_layers": 0, **_FLAT, **changes}


def levels(*fits: dict) -> dict[str, float]:
    rows = pd.DataFrame(fits).astype({"first_nonfinite_epoch": float})
    return ray_trainable._levels(SimpleNamespace(rows={"estimates": [pa.Table.from_pandas(rows)]}))


def test_each_pair_has_its_bound_truth_and_optimum_and_the_median_is_over_pairs():
    found = levels(
        fit("X;sm1", 1.0, 4.0, 2.0),
        fit("X;sm1", 2.0, 4.0, 2.0),
        fit("Y;sm1", 1.8, 2.0, 1.9),
        fit("Y;relu3", 0.0, 2.0, 1.9),
    )
    assert found.pop("bound_by_truth") == pytest.approx(1.5 / 4)
    assert found["bound/X;sm1"] == 1.5 and found["truth/Y;sm1"] == 2.0 and found["optimum/Y;relu3"] == 1.9
    assert len(found) == 9


def test_exploded_fits_have_no_bound_and_infinite_optima_are_left_out():
    exploded, inf = {"first_nonfinite_epoch": 3.0}, float("inf")
    found = levels(
        fit("X;sm1", 50.0, 4.0, inf, highest_running_mean=50.0), fit("X;sm1", None, 4.0, inf, **exploded),
        fit("Y;sm1", 1.0, 2.0, 2.0), fit("Y;sm1", None, 2.0, 2.0, **exploded), fit("Y;relu3", 0.01, 0.02, 0.02),
    )  # fmt: skip
    assert found.pop("bound_by_truth") == 0.5  # a truth of 0.02 nats says nothing
    known = {f"{name}/{pair}" for name in ("bound", "truth", "optimum") for pair in ("X;sm1", "Y;sm1", "Y;relu3")}
    assert set(found) == known - {"bound/X;sm1", "optimum/X;sm1"}
    nothing = levels(fit("X;sm1", None, 4.0, 2.0, **exploded))["bound_by_truth"]
    assert nothing != nothing
