"""Information planes: which points go into which panel, the paper's Figures 3 to 5 beside its authors' points."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis import configurations, paper
from analysis.results import Results


class Panel(NamedTuple):
    """A panel of a plane."""

    title: str
    points: pd.DataFrame
    """As `points` returns them."""
    fits: pd.DataFrame | None
    """What they are of; None: the authors'."""


def of_paper(results: Results, most: int) -> Iterator[tuple[str, list[Panel]]]:
    """The authors' points and then ours, a panel per seed that has both: there X and Y are of two configurations.

    Args:
        most: panels.

    Yields:
        The paper's figure and its panels; nothing where no seed has both.
    """
    trials, judged = results.trials, results.judged
    for figure in paper.PLANES:
        chosen = pd.Series(False, index=judged.index)
        for variable in "XY":
            keys = trials.index[paper.having(trials, paper.plane_settings(figure, variable))]
            chosen |= judged["key"].isin(keys) & (judged["variable"] == variable)
        fits = results.configured(judged[chosen], ["seed"])
        both = fits.groupby("seed")["variable"].nunique() == 2
        panels = [Panel("the authors", authors_points(figure), None)]
        for seed in both.index[both][: most - 1]:
            part = fits[fits["seed"] == seed]
            panels.append(Panel(f"ours, seed {seed}", points(part), part))
        if len(panels) > 1:
            yield figure, panels


def of_configurations(results: Results, most: int, seeds: int) -> Iterator[tuple[str, list[Panel]]]:
    """Of `most` configurations at most with pairs of both variables: a trial's key, and a panel per seed."""
    trials, judged = results.trials, results.judged
    variables = judged.groupby("key", observed=True)["variable"].nunique()
    done = trials.loc[variables.index[variables == 2]].sort_values(configurations.varied_columns(trials))
    for configuration in done["configuration"].unique()[:most]:
        group = done[done["configuration"] == configuration].sort_values("seed").iloc[:seeds]
        fits = {seed: judged[judged["key"] == key] for key, seed in group["seed"].items()}
        yield str(group.index[0]), [Panel(f"seed {seed}", points(part), part) for seed, part in fits.items()]


def points(judged: pd.DataFrame) -> pd.DataFrame:
    """The points of an information plane: one per layer and run, means over replicates and trials.

    Returns:
        Columns as `plots.information_plane` takes them. Exploded fits are left out; `settled`: all others of
        the point settled.
    """
    fits = judged.assign(
        layer=judged["pair"].astype(str).str[2:],
        variable=pd.Categorical(judged["variable"], ["X", "Y"]),  # a study may estimate pairs of one variable only
        usable=judged["estimate"].where(judged["outcome"] != "exploded"),
        quiet=judged["outcome"].isin(["settled", "exploded"]).astype(float),
    )
    grouped = fits.groupby(["layer", "run", "variable"], observed=False)
    means = grouped.agg(
        value=("usable", "mean"), truth=("truth", "mean"), optimum=("optimum", "mean"), settled=("quiet", "min")
    )
    wide = means.unstack("variable")
    made = {
        "x": wide["value", "X"], "y": wide["value", "Y"], "truth_x": wide["truth", "X"], "truth_y": wide["truth", "Y"],
        "optimum_x": wide["optimum", "X"], "optimum_y": wide["optimum", "Y"],
    }  # fmt: skip
    settled = (wide["settled", "X"] == 1) & (wide["settled", "Y"] == 1)
    return pd.DataFrame(made).assign(settled=settled).reset_index()


def authors_points(figure: str) -> pd.DataFrame:
    """The authors' points of an information plane, as `points`; they know no truth, optimum or outcome.

    >>> authors_points("Figure 3")[["x", "y"]].iloc[0].tolist()
    [3.51, 1.0]
    """
    values = {pair: one for points in paper.POINTS if figure in points.figures for pair, one in points.values.items()}
    made = [
        {"layer": layer, "run": run, "x": x, "y": y}
        for layer in paper.LAYERS
        for run, (x, y) in enumerate(zip(values[f"X;{layer}"], values[f"Y;{layer}"], strict=True), 1)
    ]
    return pd.DataFrame(made).assign(
        settled=True, **dict.fromkeys(("truth_x", "truth_y", "optimum_x", "optimum_y"), np.nan)
    )
