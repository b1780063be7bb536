"""The stability table: per configuration, how often fits exploded and settled, and where they ended."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis import intervals, order
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
        `pair`; `seeds`, `fits`; then, `_low` and `_high` being 95 % intervals over seeds and all values in nats:

        - `exploded`, `collapsed`, `unsettled`, `settled`: shares of fits; `exploded_epoch`: median, under the committed
          rule only;
        - `estimate`: mean of settled fits over the pairs and runs that have any, seeds first, from
          `estimate_seeds` seeds; `spread_seeds`, `spread_replicates`: standard deviations between seeds, and
          between the replicates of a seed, run and pair;
        - `at_zero`: share of the settled fits within 0.05 nats of 0, which most often never moved;
        - `truth`, `target`: as `estimate`, of the same fits (of all, if none settled); `per_truth`, `per_target`:
          mean over seeds of the median ratio of estimate to each, over settled fits whose reference is at
          least 0.1 nats;
        - `bias_truth`, `bias_target`: the two commonest verdicts on the settled fits' bias; the shares
          `within_truth`, `under_truth`, ... of each verdict;
        - `disorder`, `disorder_truth`: share of neighbouring layers in the wrong order (eq. 6 and 7), in the
          settled estimates and in the truths (not by pair);
        - `paper_row`, `paper`: the paper's row and word; `word`: ours by the same reading; `agrees`: yes or no,
          empty where the paper has no row.
    """
    rule = rule or VerdictRule()
    shown, unit = shown_columns(trials), "pair" if by_pair else "variable"
    fits = _judged(estimates, rule)
    fits = fits.join(trials[["seed", "configuration", *configuration_columns(trials)]], on="key")
    rows = []
    for _, group in fits.groupby(["configuration", unit], sort=False):
        row = {path: group[path].iloc[0] for path in shown} | {unit: group[unit].iloc[0]}
        row |= _shares(group) | _levels(group) | _biases(group) | _paper(group.iloc[0])
        row["word"] = _word(group, rule)
        row["agrees"] = "" if not row["paper"] else "yes" if row["word"] == row["paper"] else "no"
        if not by_pair:
            row |= _disorder(group, rule)
        rows.append(row)
    columns = [*shown, unit, *(name for name in _COLUMNS if not (by_pair and name in _NOT_BY_PAIR))]
    return pd.DataFrame(rows, columns=columns).sort_values([*shown, unit], ignore_index=True)


_COLUMNS = (
    "seeds", "fits", "exploded", "exploded_low", "exploded_high", "exploded_epoch", "collapsed", "unsettled",
    "settled", "settled_low", "settled_high", "estimate", "estimate_low", "estimate_high", "estimate_seeds",
    "at_zero", "spread_seeds", "spread_replicates", "truth", "target", "per_truth", "per_truth_low", "per_truth_high",
    "per_target", "per_target_low", "per_target_high", "bias_truth", "bias_target",
    *(f"{bias}_{kind}" for kind in ("truth", "target") for bias in verdict.BIASES),
    "disorder", "disorder_truth", "word", "paper_row", "paper", "agrees",
)  # fmt: skip

_NOT_BY_PAIR = ("disorder", "disorder_truth", "word", "paper_row", "paper", "agrees")
"""Columns that need a variable's four layers together."""


def _judged(estimates: pd.DataFrame, rule: VerdictRule) -> pd.DataFrame:
    """The fits with their verdicts: `stability`, `exploded_epoch`, and for settled fits `bias_*`, `per_*`."""
    fits = estimates.assign(
        variable=estimates["pair"].str[0],
        stability=verdict.stability(estimates, rule),
        # The record holds the epoch under the committed rule; other thresholds would need the curves.
        exploded_epoch=verdict.exploded_epoch(estimates) if rule == VerdictRule() else np.nan,
    )
    settled = fits["stability"] == "settled"
    fits["settled_estimate"] = fits["estimate"].where(settled)
    for kind in ("truth", "target"):
        error = fits["truth_standard_error"] if kind == "truth" else 0.0
        judged = pd.Series(verdict.bias(fits["estimate"], fits[kind], error, rule), index=fits.index)
        # Every estimate lies below an infinite target, which says nothing.
        comparable = settled & np.isfinite(fits[kind])
        fits[f"bias_{kind}"] = judged.where(comparable)
        usable = comparable & (fits[kind] >= rule.least_reference)
        fits[f"per_{kind}"] = (fits["estimate"] / fits[kind]).where(usable)
    return fits


def shown_columns(trials: pd.DataFrame) -> list[str]:
    """Configuration columns that tell rows apart, and the three that always stand in the table."""
    varied = [
        path for path in configuration_columns(trials) if path != "data.root" and trials[path].astype(str).nunique() > 1
    ]
    return [path for path in configuration_columns(trials) if path in varied or path in _ALWAYS_SHOWN]


def _over_seeds(name: str, interval: intervals.Interval) -> dict[str, float]:
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _shares(group: pd.DataFrame) -> dict[str, Any]:
    """How many fits, and how they ended."""
    shares = {name: (group["stability"] == name).groupby(group["seed"]).mean() for name in STABILITIES}
    return {
        "seeds": group["seed"].nunique(),
        "fits": len(group),
        **{name: float(share.mean()) for name, share in shares.items()},
        **_over_seeds("exploded", intervals.of_share(shares["exploded"])),
        **_over_seeds("settled", intervals.of_share(shares["settled"])),
        "exploded_epoch": group["exploded_epoch"][group["stability"] == "exploded"].median(),
    }


def _levels(group: pd.DataFrame) -> dict[str, Any]:
    """Where settled fits ended, and how consistently."""
    cells = group["settled_estimate"].groupby([group["pair"], group["run"], group["seed"]])
    per_seed = cells.mean().dropna()
    settled = group["settled_estimate"].dropna()
    floor = VerdictRule().settled_floor
    return {
        **_over_seeds("estimate", _level(per_seed)),
        "estimate_seeds": per_seed.index.get_level_values("seed").nunique(),
        "at_zero": float((settled.abs() < floor).mean()) if len(settled) else np.nan,
        "spread_seeds": per_seed.groupby(["pair", "run"]).std().mean(),
        "spread_replicates": cells.std().mean(),
    }


def _level(per_seed: pd.Series) -> intervals.Interval:
    """Mean over the cells (pair, run) that have a value, with an interval over seeds.

    Cells differ in level and seeds may lack some, so a seed's distance from the others is its effect in the
    additive fit value = cell + seed, over the cells that two seeds or more have.
    """
    level = per_seed.groupby(["pair", "run"]).mean().mean()
    shared = per_seed[per_seed.groupby(["pair", "run"]).transform("size") > 1]
    if shared.empty:
        return intervals.Interval(float(level), np.nan, np.nan, 1 if len(per_seed) else 0)
    cell = pd.get_dummies(np.array([f"{pair}/{run}" for pair, run, _ in shared.index]), dtype=float).to_numpy()
    seeds = pd.get_dummies(shared.index.get_level_values("seed"), dtype=float).to_numpy()
    effects = np.linalg.lstsq(np.hstack([cell, seeds]), shared.to_numpy(dtype=float))[0][cell.shape[1] :]
    return intervals.of_mean(level + effects - effects.mean())


def _biases(group: pd.DataFrame) -> dict[str, Any]:
    """How far settled fits ended from the truth and from the target."""
    found: dict[str, Any] = {}
    settled = group[group["stability"] == "settled"]
    compared = group if settled.empty else settled
    for kind in ("truth", "target"):
        # As for the estimate: each pair and run counts equally.
        found[kind] = float(compared.groupby(["pair", "run"])[kind].mean().mean())
        ratio = group[f"per_{kind}"].groupby(group["seed"]).median()
        found |= _over_seeds(f"per_{kind}", intervals.of_mean(ratio))
        shares = group[f"bias_{kind}"].value_counts(normalize=True)
        found |= {f"{bias}_{kind}": float(shares.get(bias, 0)) if len(shares) else np.nan for bias in verdict.BIASES}
        found[f"bias_{kind}"] = ", ".join(f"{bias} {100 * share:.0f}%" for bias, share in shares.iloc[:2].items())
    return found


def _disorder(group: pd.DataFrame, rule: VerdictRule) -> dict[str, float]:
    """Order violations, averaged over runs and replicates within a seed, then over seeds."""
    seed_of = group.groupby("key")["seed"].first().to_dict()
    found = {}
    for name, column in (("disorder", "settled_estimate"), ("disorder_truth", "truth")):
        shares = order.violations(group, column, rule)
        found[name] = float(shares.groupby(shares.index.get_level_values("key").map(seed_of)).mean().mean())
    return found


def _word(group: pd.DataFrame, rule: VerdictRule) -> str:
    """The paper's word for the configuration: per seed, then the majority over seeds."""
    words = [
        verdict.paper_word(
            of_seed["stability"].to_numpy(dtype=str), of_seed["estimate"], of_seed["truth"], of_seed["target"], rule
        )
        for _, of_seed in group.groupby("seed")
    ]
    return verdict.majority_word(words)


_PAPER_FIXES = {
    "data.name": "mnist",
    "lenet.epochs": 21,
    "lenet.learning_rate": 3e-4,
    "schedule.probe_every": 4,
    "mine.hidden_layers": 1,
    "mine.gradient_correction": "none",
}
"""What the paper fixes and the study can change; marginals are a shuffle, so not independent draws."""


def _paper(row: pd.Series | Mapping[str, Any]) -> dict[str, str]:
    """The paper's row and word for a configuration; empty where it has none."""
    if all(row[path] == value for path, value in _PAPER_FIXES.items()) and row["mine.marginals"] != "independent":
        for variable, settings, noisy, name, word in PAPER_ROWS:
            same = row["variable"] == variable and (row["mine.noise_std"] > 0) == noisy
            if same and all(row[path] == value for path, value in settings.items()):
                return {"paper_row": name, "paper": word}
    return {"paper_row": "", "paper": ""}


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table, in sentences."""
    lines = [
        "Shares are of fits, intervals 95 % over seeds (none where seeds do not differ), values in nats. Estimate, "
        "truth and target are means over the same settled fits, so conditional on not exploding; rows with other "
        "settled fits have another truth. at 0: settled fits within 0.05 nats of 0. est./truth and est./target are "
        "medians over fits, then means over seeds.",
        "truth: exact mutual information of the samples with the noisy layer; target: what the chosen marginals "
        "make the bound aim at; disorder: neighbouring layers in the wrong order (eq. 6, 7), then in the truths.",
    ]
    if "agrees" in rows and not (rows["agrees"] != "").any():
        lines.append("agrees is empty: no row here is one of the paper's (its Table 2, on MNIST).")
    if "agrees" in rows and (rows["agrees"] != "").any() and trials["mine.samples"].notna().any():
        scale = f"{trials['mine.samples'].min()} samples, {trials['mine.epochs'].min()} MINE epochs at the least"
        lines.append(f"Reduced scale ({scale}): agreement with the paper's words says little before fits have settled.")
    if len(trials) and trials["mine.epochs"].min() < 4:
        lines.append("Fits of fewer than 4 MINE epochs have no two windows to compare, so they are unsettled.")
    if len(rows) and rows["exploded_epoch"].isna().all() and (rows["exploded"] > 0).any():
        lines.append("at epoch is empty: it is recorded under the committed thresholds only.")
    if len(rows) and (rows["seeds"] == 1).any():
        lines.append("Rows with one seed have no interval: the seed is the unit of statistics.")
    if len(rows) and np.isinf(rows["target"]).any():
        lines.append(
            "An infinite target: without noise deranged marginals never meet the joint, so the bound has no top."
        )
    if failed := int((trials["state"] == "failed").sum()):
        lines.append(f"{failed} trials failed and are not in the table; their errors are in the trials table.")
    return lines
