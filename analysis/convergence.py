"""How many MINE epochs a fit needs to come near its final level: reinit against finetune."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import configurations, frames, intervals, stability
from trainables import verdict
from trainables.verdict import VerdictRule

MODES = ("reinit", "finetune")

_FIT = ["key", "run", "pair", "replicate"]
CURVE_COLUMNS = (*_FIT, "mine_epoch", "bound")


def epochs(bound: NDArray[np.float64], final: NDArray[np.float64], rule: VerdictRule | None = None) -> NDArray:
    """The first epoch from which on a curve stays near its final level.

    The mean over the window that begins at the epoch, and every later one, lies within the rule's tolerance
    between two windows (5 %, at least 0.05 nats) of the final level. A fit that begins at its level has 1.

    >>> bound = np.concatenate([np.linspace(0, 2, 20), np.full(20, 2.0)])
    >>> epochs(bound[None], np.array([2.0])).tolist()
    [18.0]

    Args:
        bound: in nats, shape (fits, epochs).
        final: the final level (the estimate), shape (fits,).

    Returns:
        Shape (fits,), from 1; NaN where the final level is NaN or there is no window.
    """
    rule = rule or VerdictRule()
    means = verdict.running_means(bound, verdict.window(bound.shape[1]))
    if means.shape[1] == 0:
        return np.full(len(bound), np.nan)
    allowed = np.maximum(rule.near_floor, rule.near_share * np.abs(final))
    far = ~(np.abs(means - final[:, None]) <= allowed[:, None])
    last_far = np.where(far.any(axis=1), means.shape[1] - far[:, ::-1].argmax(axis=1), 0)
    return np.where(np.isnan(final) | (last_far == means.shape[1]), np.nan, last_far + 1.0)


def fit_epochs(judged: pd.DataFrame, curves: Iterable[pd.DataFrame], rule: VerdictRule | None = None) -> pd.DataFrame:
    """`epochs` of every settled fit that left 0; others have no level to come near to.

    >>> from analysis import judging
    >>> source = "docs/example/results"
    >>> fits = judging.judge(judging.fits(source))
    >>> found = fit_epochs(fits, frames.curve_pieces(source, CURVE_COLUMNS))
    >>> bool(found["converged_at"].dropna().between(1, 40).all())
    True

    Args:
        judged: as `judging.judge` returns them.
        curves: pieces with `CURVE_COLUMNS`, as `frames.curve_pieces` returns them.

    Returns:
        The fits that have curves, with `converged_at`.
    """
    found = []
    level = judged["settled_estimate"]
    judged = judged.assign(level=level.where(level.abs() >= VerdictRule().near_floor))
    known = judged.astype({"key": str, "pair": str})
    for piece in curves:
        for labels, bound in frames.curve_arrays(piece):
            final = labels.merge(known[[*_FIT, "level"]], on=_FIT, how="left")["level"]
            found.append(labels.assign(converged_at=epochs(bound, final.to_numpy(float), rule)))
    if not found:
        return known.iloc[:0].assign(converged_at=np.nan)
    return known.merge(pd.concat(found), on=_FIT)


def table(trials: pd.DataFrame, converged: pd.DataFrame) -> pd.DataFrame:
    """One row per configuration but for the transfer mode, variable and run: both modes, and their difference.

    >>> from analysis import judging
    >>> source = "docs/example/results"
    >>> fits = judging.judge(judging.fits(source))
    >>> found = fit_epochs(fits, frames.curve_pieces(source, CURVE_COLUMNS))
    >>> sorted(table(frames.trials(source), found)["run"].unique().tolist())
    [1, 2, 3, 4, 5, 6]

    Args:
        converged: as `fit_epochs` returns them.

    Returns:
        Varied settings but for the transfer mode; `variable`, `run`; for each mode `reinit`, `finetune` the mean
        epoch over pairs and replicates within a seed, then over seeds, with its interval and n, and the share of
        fits counted (`reinit_settled`); `difference`, finetune less reinit, paired by seed over the pairs
        that settled in both, with its interval and n.
    """
    shown = [path for path in configurations.shown_columns(trials) if path != "mine.transfer_mode"]
    names = [f"{mode}{end}" for mode in MODES for end in ("", "_low", "_high", "_seeds", "_settled")]
    columns = [*shown, "variable", "run", *names, *(f"difference{end}" for end in ("", "_low", "_high", "_seeds"))]
    if converged.empty:
        return pd.DataFrame(columns=columns)
    told = list(dict.fromkeys(["seed", "mine.transfer_mode", "mine.epochs", *shown]))
    rows = converged.merge(trials[told], left_on="key", right_index=True)
    rows[shown] = rows[shown].astype(object)
    rows["settled"] = rows["level"].notna()
    made = []
    for group, part in rows.groupby([*shown, "variable", "run"], dropna=False, observed=True):
        line = dict(zip([*shown, "variable", "run"], group, strict=True))
        cells = part.groupby(["mine.transfer_mode", "seed", "pair"])["converged_at"].mean()
        last = float(part["mine.epochs"].max())
        for mode in MODES:
            if mode in cells.index:
                found = intervals.of_mean(cells[mode].groupby("seed").mean(), within=(1, last))
                line |= _line(mode, found)
            line[f"{mode}_settled"] = part.loc[part["mine.transfer_mode"] == mode, "settled"].mean()
        if all(mode in cells.index for mode in MODES):
            both = cells["finetune"] - cells["reinit"]
            line |= _line("difference", intervals.of_mean(both.groupby("seed").mean(), within=(1 - last, last - 1)))
        made.append(line)
    return pd.DataFrame(made).reindex(columns=columns).sort_values([*shown, "variable", "run"], ignore_index=True)


def _line(name: str, found: intervals.Interval) -> dict[str, float]:
    return {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high, f"{name}_seeds": found.seeds}


def notes(trials: pd.DataFrame, rows: pd.DataFrame, rule: VerdictRule | None = None) -> list[str]:
    """What a reader must know of the table, in sentences.

    >>> notes(frames.trials("docs/example/results"), pd.DataFrame())[0][:6]
    'Epochs'
    """
    rule = rule or VerdictRule()
    lines = [
        f"Epochs until a settled fit stays within {100 * rule.near_share:g} % (at least {rule.near_floor:g} "
        "nats) of its final level, fits that ended within "
        "0.05 nats of 0 left out; settled: the share of fits counted. Means over pairs and replicates within a seed, "
        "then over seeds, intervals 95 % over seeds, n seeds. difference: finetune less reinit, paired by seed over "
        "the pairs that settled in both. The first run starts alike in both modes."
    ]
    missing = [mode for mode in MODES if mode not in set(trials["mine.transfer_mode"])]
    if missing:
        lines.append(f"No trial has transfer mode {' or '.join(missing)}, so there is nothing to compare.")
    if len(rows) and (rows[["reinit_seeds", "finetune_seeds"]].max(axis=1) == 1).any():
        lines.append("One seed has no interval: the seed is the unit of statistics.")
    if not len(rows):
        lines.append("No curve of a completed trial was found.")
    return lines + stability.failures(trials)
