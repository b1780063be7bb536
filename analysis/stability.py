"""The stability table: per configuration, how often fits exploded and settled, and where they ended."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis import intervals
from analysis.load import configuration_columns
from trainables import verdict
from trainables.verdict import STABILITIES, VerdictRule

PAPER_ROWS: tuple[tuple[str, Mapping[str, Any], bool, str, str], ...] = (
    # variable, settings, noise added, the paper's name of the row, its result (paper, Table 2)
    ("X", {"mine.architecture": 1, "mine.hidden_units": 10}, False, "Architecture 1", "Exploding"),
    ("X", {"mine.architecture": 1, "mine.hidden_units": 10}, True, "Architecture 1(2)", "Converged"),
    ("X", {"mine.architecture": 1, "mine.hidden_units": 20}, True, "Architecture 1(3)", "Converged"),
    ("X", {"mine.architecture": 2, "mine.hidden_units": 10}, False, "Architecture 2", "Underestimated"),
    ("X", {"mine.architecture": 3, "mine.hidden_units": 10}, False, "Architecture 3", "Exploding"),
    ("X", {"mine.architecture": 3, "mine.hidden_units": 10}, True, "Architecture 3(2)", "Underestimated"),
    ("Y", {"mine.architecture": 1, "mine.hidden_units": 10}, False, "Architecture 1", "Exploding"),
    ("Y", {"mine.architecture": 1, "mine.hidden_units": 100}, True, "Architecture 1(3)", "Converged"),
)
"""Table 2 of the paper. Where it does not name the hidden units, they are the 10 of its section 1.4."""

_ALWAYS_SHOWN = ("mine.architecture", "mine.noise_std", "mine.hidden_units")


def table(
    trials: pd.DataFrame, estimates: pd.DataFrame, rule: VerdictRule | None = None, by_pair: bool = False
) -> pd.DataFrame:
    """One row per configuration and variable (or pair), of completed trials.

    Args:
        trials, estimates: as `analysis.load` returns them.
        by_pair: a row for each pair instead of one for X and one for Y.

    Returns:
        Configuration columns (those that vary, and architecture, noise std, hidden units); `variable` or
        `pair`; `seeds`, `fits`; for each of exploded, collapsed, unsettled and settled the share of fits,
        and for exploded and settled its interval `_low`, `_high` over seeds; `exploded_epoch` (median);
        `estimate` in nats, the mean over seeds of the fits that did not explode, with its interval;
        `spread_seeds` and `spread_replicates`, standard deviations in nats between seeds, and between the
        replicates of a seed, run and pair; the paper's row and word; and truth, target, agrees, empty.
    """
    shown = shown_columns(trials)
    fits = estimates.assign(
        stability=verdict.stability(estimates, rule), exploded_epoch=verdict.exploded_epoch(estimates)
    )
    fits["variable"] = fits["pair"].str[0]
    fits = fits.join(trials[["seed", *configuration_columns(trials)]].astype({"mine.pairs": str}), on="key")
    unit = "pair" if by_pair else "variable"
    grouping = [path for path in configuration_columns(trials) if path != "data.root"]
    rows = [
        {
            **{path: group[path].iloc[0] for path in shown},
            unit: group[unit].iloc[0],
            **_summary(group),
            **_paper(group.iloc[0]),
        }
        for _, group in fits.groupby([*grouping, unit], sort=False, dropna=False)
    ]
    columns = [*shown, unit, *_SUMMARY_COLUMNS]
    return pd.DataFrame(rows, columns=columns).sort_values([*shown, unit], ignore_index=True)


_SUMMARY_COLUMNS = (
    "seeds", "fits", "exploded", "exploded_low", "exploded_high", "exploded_epoch", "collapsed", "unsettled",
    "settled", "settled_low", "settled_high", "estimate", "estimate_low", "estimate_high", "spread_seeds",
    "spread_replicates", "truth", "target", "paper_row", "paper", "agrees",
)  # fmt: skip


def shown_columns(trials: pd.DataFrame) -> list[str]:
    """Configuration columns that tell rows apart, and the three that always stand in the table."""
    varied = [
        path for path in configuration_columns(trials) if path != "data.root" and trials[path].astype(str).nunique() > 1
    ]
    return [path for path in configuration_columns(trials) if path in varied or path in _ALWAYS_SHOWN]


def _summary(group: pd.DataFrame) -> dict[str, Any]:
    """The numbers of one row, from its fits."""
    shares = {name: (group["stability"] == name).groupby(group["seed"]).mean() for name in STABILITIES}
    exploded, settled = intervals.of_share(shares["exploded"]), intervals.of_share(shares["settled"])
    sound = group[group["stability"] != "exploded"]
    estimate = intervals.of_mean(sound.groupby("seed")["estimate"].mean())
    per_seed = sound.groupby(["pair", "run", "seed"])["estimate"].mean()
    return {
        "seeds": group["seed"].nunique(),
        "fits": len(group),
        **{name: float(share.mean()) for name, share in shares.items()},
        "exploded_low": exploded.low,
        "exploded_high": exploded.high,
        "exploded_epoch": group["exploded_epoch"][group["stability"] == "exploded"].median(),
        "settled_low": settled.low,
        "settled_high": settled.high,
        "estimate": estimate.mean,
        "estimate_low": estimate.low,
        "estimate_high": estimate.high,
        "spread_seeds": per_seed.groupby(["pair", "run"]).std().mean(),
        "spread_replicates": sound.groupby(["pair", "run", "seed"])["estimate"].std().mean(),
        "truth": np.nan,
        "target": np.nan,
        "agrees": "",
    }


def _paper(row: pd.Series) -> dict[str, str]:
    """The paper's row and word for a configuration; empty where it has none. The paper's data is MNIST."""
    if row["data.name"] != "mnist":
        return {"paper_row": "", "paper": ""}
    for variable, settings, noisy, name, word in PAPER_ROWS:
        same = all(row[path] == value for path, value in settings.items())
        if (
            same
            and row["variable"] == variable
            and (row["mine.noise_std"] > 0) == noisy
            and row["mine.hidden_layers"] == 1
        ):
            return {"paper_row": name, "paper": word}
    return {"paper_row": "", "paper": ""}


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table, in sentences."""
    lines = [
        "Shares are of fits, intervals 95 % over seeds; estimates are in nats, over the fits that did not explode.",
        "Truth, target and agrees are empty: this version does not compute the truth yet.",
    ]
    if len(rows) and (rows["seeds"] == 1).any():
        lines.append("Rows with one seed have no interval: the seed is the unit of statistics.")
    if failed := int((trials["state"] == "failed").sum()):
        lines.append(f"{failed} trials failed and are not in the table; their errors are in the trials table.")
    return lines
