"""Fits arranged as the rows of a table: a configuration with a variable, or with a pair."""

import pandas as pd

from analysis.configurations import configuration_columns
from analysis.results import Results


def arrange(results: Results, unit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Number the rows that a table of configurations has, and what is within a row.

    Args:
        unit: variable or pair, which with the configuration makes a row.

    Returns:
        The judged fits with `row`, `seed` and `cell` (pair and run) as numbers from 0; and one line per row: the
        settings, the configuration's key as `configuration`, and the unit.
    """
    judged = results.judged
    known = results.trials.loc[judged["key"].cat.categories]  # one per category, in the order of its codes
    configuration, _ = pd.factorize(known["configuration"])
    seed, _ = pd.factorize(known["seed"], sort=True)
    trial, units = judged["key"].cat.codes.to_numpy(), judged[unit].cat
    row, present = pd.factorize(configuration[trial] * len(units.categories) + units.codes.to_numpy(), sort=True)
    cell = judged["run"] * len(judged["pair"].cat.categories) + judged["pair"].cat.codes
    first = known.drop_duplicates("configuration").iloc[present // len(units.categories)]
    rows = first[["configuration", *configuration_columns(results.trials)]].reset_index(drop=True)
    rows[unit] = units.categories[present % len(units.categories)].astype(str)
    return judged.assign(row=row, seed=seed[trial], cell=cell), rows


def per_seed(values: pd.Series, fits: pd.DataFrame) -> pd.DataFrame:
    """Means over the fits of a row and seed, shape (rows, seeds); NaN where there is none."""
    return values.groupby([fits["row"], fits["seed"]]).mean().unstack()
