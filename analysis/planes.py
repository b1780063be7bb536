"""Information planes: which points go into which panel, the paper's Figures 3 to 5 beside its authors' points."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis import configurations, paper


class Panel(NamedTuple):
    """A panel of a plane."""

    title: str
    points: pd.DataFrame
    """As `points` returns them."""
    fits: pd.DataFrame | None
    """What they are of; None: the authors'."""


def of_paper(trials: pd.DataFrame, judged: pd.DataFrame, most: int) -> Iterator[tuple[str, list[Panel]]]:
    """The authors' points and then ours, a panel a seed that has both: there X and Y are of two configurations.

    Args:
        trials: as `frames.trials` returns them.
        judged: as `judging.judge` returns them.
        most: panels.

    Yields:
        The paper's figure and its panels; nothing where no seed has both.
    """
    seed = trials["seed"].reindex(judged["key"].cat.categories).to_numpy()[judged["key"].cat.codes]
    for figure in paper.PLANES:
        chosen = pd.Series(False, index=judged.index)
        for variable in "XY":
            keys = trials.index[paper.having(trials, paper.plane_settings(figure, variable))]
            chosen |= judged["key"].isin(keys) & (judged["variable"] == variable)
        both = judged[chosen].groupby(seed[chosen])["variable"].nunique() == 2
        panels = [Panel("the authors", authors_points(figure), None)]
        for one in both.index[both][: most - 1]:
            fits = judged[chosen & (seed == one)]
            panels.append(Panel(f"ours, seed {one}", points(fits), fits))
        if len(panels) > 1:
            yield figure, panels


def of_configurations(
    trials: pd.DataFrame, judged: pd.DataFrame, most: int, seeds: int
) -> Iterator[tuple[str, list[Panel]]]:
    """Of configurations with pairs of both variables, `most` at most: a trial's key, and a panel a seed."""
    variables = judged.groupby("key", observed=True)["variable"].nunique()
    done = trials.loc[variables.index[variables == 2]].sort_values(configurations.varied_columns(trials))
    for configuration in done["configuration"].unique()[:most]:
        group = done[done["configuration"] == configuration].sort_values("seed").iloc[:seeds]
        fits = [judged[judged["key"] == key] for key in group.index]
        titles = [f"seed {seed}" for seed in group["seed"]]
        yield (
            str(group.index[0]),
            [Panel(title, points(part), part) for title, part in zip(titles, fits, strict=True)],
        )


def points(judged: pd.DataFrame) -> pd.DataFrame:
    """The points of an information plane: a layer and run, means over replicates and trials.

    >>> from analysis import frames, judging
    >>> fits = judging.judge(judging.fits("docs/example/results"))
    >>> sorted(points(fits[fits["key"] == fits["key"].iloc[0]])["run"].unique().tolist())
    [1, 2, 3, 4, 5, 6]

    Args:
        judged: fits as `judging.judge` returns them.

    Returns:
        Columns as `figures.information_plane` takes them. Exploded fits are left out; `settled`: all others of
        the point settled.
    """
    fits = judged.assign(
        layer=judged["pair"].astype(str).str[2:],
        variable=judged["variable"].astype(str),
        usable=judged["estimate"].where(judged["outcome"] != "exploded"),
        quiet=judged["outcome"].isin(["settled", "exploded"]),
    )
    grouped = fits.groupby(["layer", "run", "variable"])
    means = grouped.agg(
        value=("usable", "mean"), truth=("truth", "mean"), optimum=("optimum", "mean"), settled=("quiet", "all")
    )
    wide = means.unstack("variable")
    for name in ("X", "Y"):  # a study may estimate pairs of one variable only
        for column in ("value", "truth", "optimum", "settled"):
            if (column, name) not in wide:
                wide[column, name] = np.nan
    made = {
        "x": wide["value", "X"], "y": wide["value", "Y"], "settled": (wide["settled", "X"] == True)  # noqa: E712
        & (wide["settled", "Y"] == True), "truth_x": wide["truth", "X"], "truth_y": wide["truth", "Y"],  # noqa: E712
        "optimum_x": wide["optimum", "X"], "optimum_y": wide["optimum", "Y"],
    }  # fmt: skip
    return pd.DataFrame(made).reset_index()


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
