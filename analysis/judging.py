"""Fits with their verdicts, and what the tables of configurations have in common: rows, seeds, cells."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import frames
from analysis.configurations import configuration_columns
from trainables import verdict
from trainables.verdict import OUTCOMES, VerdictRule

_FIT = ["key", "run", "pair", "replicate"]

_READ = (*_FIT, *verdict.INPUTS, "first_outside_epoch", "truth_standard_error", "truth_without_noise")


def fits(results: str | frames.Results) -> pd.DataFrame:
    """The fits of completed trials of a folder, or of a study read from one, with the columns that the tables need.

    >>> fits("docs/example/results").columns[:4].tolist()
    ['key', 'run', 'pair', 'replicate']
    """
    study = frames.study(results)
    found = study.read("estimates", _READ)
    lacking = found["late_slope"].isna() & found["estimate"].notna() & (found["epochs"] >= VerdictRule().least_epochs)
    if not lacking.any():
        return found
    names = ["late_slope", "late_slope_error"]
    slopes = found[_FIT].merge(_late_slopes(study, found.loc[lacking, "key"].unique()), how="left", on=_FIT)
    return found.assign(**{name: found[name].fillna(slopes[name].astype(float)) for name in names})


def of(trials: pd.DataFrame, fits: pd.DataFrame) -> pd.DataFrame:
    """The fits of these trials."""
    chosen = fits[fits["key"].isin(trials.index)]
    return chosen.assign(key=chosen["key"].cat.remove_unused_categories())


def _late_slopes(study: frames.Results, keys: Collection[str]) -> pd.DataFrame:
    """`late_slope` and its error of older records, from their curves where there are any."""
    found = [pd.DataFrame(columns=[*_FIT, "late_slope", "late_slope_error"])]
    for piece in study.curve_pieces([*_FIT, "mine_epoch", "bound"]):
        for fits, bound in frames.curve_arrays(piece[piece["key"].isin(keys)]):
            slope, error = verdict.late_slope(bound)
            found.append(fits.assign(late_slope=slope, late_slope_error=error))
    return pd.concat(found)


def untold(fits: pd.DataFrame) -> list[str]:
    """Fits whose outcome is not known, in a sentence.

    >>> untold(fits("docs/example/results"))
    []
    """
    lacking = int((verdict.outcome(fits) == "").sum())
    if not lacking:
        return []
    return [
        f"{lacking} of {len(fits)} fits have no outcome: they were recorded before late_slope was, and the curves "
        "from which it would follow are not there."
    ]


def judge(estimates: pd.DataFrame, rule: VerdictRule | None = None) -> pd.DataFrame:
    """The fits with their verdicts.

    >>> judged = judge(fits("docs/example/results"))
    >>> sorted(judged["outcome"].cat.categories)
    ['collapsed', 'exploded', 'settled', 'stuck', 'unsettled']

    Returns:
        With `variable`, `outcome`, `exploded_epoch` (the record holds it under the committed rule; NaN under
        others), `settled_estimate`, and for settled fits whose reference is finite `bias_truth`, `bias_optimum`.
    """
    rule = rule or VerdictRule()
    judged = estimates.assign(key=_category(estimates["key"]), pair=_category(estimates["pair"]))
    pairs = judged["pair"].cat.categories
    variable, variables = pd.factorize(pd.Index([pair[0] for pair in pairs]), sort=True)
    codes = variable[judged["pair"].cat.codes]
    judged["variable"] = pd.Categorical.from_codes(codes, variables)  # type: ignore[call-overload]
    outcome = verdict.outcome(estimates, rule)
    judged["outcome"] = pd.Categorical(outcome, OUTCOMES)
    judged["exploded_epoch"] = verdict.exploded_epoch(estimates) if rule == VerdictRule() else np.nan
    settled, estimate = outcome == "settled", judged["estimate"].to_numpy(float)
    judged["settled_estimate"] = np.where(settled, estimate, np.nan)
    for kind in ("truth", "optimum"):
        reference = judged[kind].to_numpy(float)
        error = judged["truth_standard_error"] if kind == "truth" else 0.0
        # Every estimate lies below an infinite optimum, which says nothing.
        comparable = settled & np.isfinite(reference)
        bias = verdict.bias(estimate, reference, error, rule).astype(object)
        bias[~comparable] = None
        judged[f"bias_{kind}"] = pd.Categorical(bias, verdict.BIASES)
    return judged


def at_ceiling(fits: pd.DataFrame) -> pd.Series:
    """Whether the noise takes no information away, so that a fit's truth is its ceiling.

    >>> at_ceiling(pd.DataFrame({"ceiling": [2.3, 2.3], "truth": [2.3, 2.0], "truth_standard_error": 0.001})).tolist()
    [True, False]

    Args:
        fits: with `truth`, `truth_standard_error` and `ceiling`, in nats.
    """
    margin = np.maximum(2 * fits["truth_standard_error"], 1e-3 * fits["ceiling"])
    return fits["ceiling"] - fits["truth"] <= margin


def arrange(trials: pd.DataFrame, judged: pd.DataFrame, unit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Number the rows that a table of configurations has, and what lies within a row.

    >>> source = "docs/example/results"
    >>> _, rows = arrange(frames.trials(source), judge(fits(source)), "variable")
    >>> len(rows) == 2 * rows["configuration"].nunique()
    True

    Args:
        judged: fits as `judge` returns them.
        unit: variable or pair, which with the configuration makes a row.

    Returns:
        The fits with `row`, `seed` and `cell` (pair and run) as numbers from 0; and a line a row: the
        configuration's columns, its key as `configuration`, and the unit.
    """
    known = trials.loc[judged["key"].cat.categories]  # one a category, in the order of its codes
    configuration, _ = pd.factorize(known["configuration"])
    seed, _ = pd.factorize(known["seed"], sort=True)
    trial, units = judged["key"].cat.codes.to_numpy(), judged[unit].cat
    row, present = pd.factorize(configuration[trial] * len(units.categories) + units.codes.to_numpy(), sort=True)
    cell = judged["run"] * len(judged["pair"].cat.categories) + judged["pair"].cat.codes
    first = known.drop_duplicates("configuration").iloc[present // len(units.categories)]
    rows = first[["configuration", *configuration_columns(trials)]].reset_index(drop=True)
    rows[unit] = units.categories[present % len(units.categories)].astype(str)
    return judged.assign(row=row, seed=seed[trial], cell=cell), rows


def _category(column: pd.Series) -> pd.Series:
    return column if isinstance(column.dtype, pd.CategoricalDtype) else column.astype("category")


def by_seed(values: pd.Series) -> NDArray[np.float64]:
    """One value a (row, seed) as an array (rows, seeds), NaN where there is none; rows are counted from 0."""
    row = values.index.get_level_values("row").to_numpy()
    seed, _ = pd.factorize(values.index.get_level_values("seed"))
    table = np.full((row.max() + 1, seed.max() + 1), np.nan)
    table[row, seed] = values.to_numpy(float)
    return table


def named(interval: pd.DataFrame, name: str, seeds: bool = False) -> pd.DataFrame:
    """Intervals under a name: `name`, `name_low`, `name_high`, and `name_seeds` where n differs from the row's."""
    columns = {"mean": name, "low": f"{name}_low", "high": f"{name}_high", "seeds": f"{name}_seeds"}
    renamed = interval.rename(columns=columns)
    return renamed if seeds else renamed.drop(columns=f"{name}_seeds")
