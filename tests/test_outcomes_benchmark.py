"""The benchmark of the outcome rule on made curves whose future is known."""

import numpy as np
import pandas as pd

from tests.benchmarks import outcomes


def made(bound: np.ndarray, end: float, seed: int = 6, case: str = "digits") -> dict:
    """A fit with this curve, which ends at `end` when it is trained four times as long."""
    long = np.concatenate([bound, np.full(3 * len(bound), end)])
    known = {"ceiling": 7.0, "truth": 4.0, "optimum": 4.0, "dead_hidden_layers": 0}
    finite = np.isfinite(bound)
    return {"case": case, "seed": seed, **known, "bound": bound, "finite": finite, "long_bound": long}


def test_shares_count_what_moved_and_what_was_refused():
    flat, climbing = np.full(20, 2.0), 1 + 0.2 * np.log2(np.arange(1, 41))  # 0.2 of 2.05 nats per doubling
    fits = [made(flat, 2.0), made(flat, 2.19), made(flat, 2.21), made(climbing, 2.05), made(climbing, 3.0)]
    fits += [made(np.full(20, 0.01), 2.0), made(np.append(flat[1:], np.nan), 2.0), made(flat, 9.0, seed=0)]
    judged = outcomes.judge(pd.DataFrame(fits)).sort_index()
    reported = outcomes.report(judged)
    assert sorted(judged["new"]) == ["exploded", *["settled"] * 4, "stuck", *["unsettled"] * 2]
    assert reported["settled"] == 3 and reported["fits"] == 7
    assert reported["settled_that_moved"] == {"old": 2 / 5, "new": 1 / 3}  # the first rule settles both climbs
    assert reported["refused_that_held"] == {"old": 0.0, "new": 1 / 3}
