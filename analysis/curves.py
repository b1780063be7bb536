"""The curves of one pair, a panel for each configuration of a results folder."""

import textwrap

import matplotlib.figure

from analysis import figures, load
from analysis.stability import shown_columns
from trainables import verdict
from trainables.config import PAIRS, InputError


def draw(results: str, pair: str) -> matplotlib.figure.Figure:
    """Curves of all runs, seeds and replicates of a pair.

    Raises:
        InputError: if the pair is unknown or has no completed fit.
    """
    if pair not in PAIRS:
        raise InputError(f"pair is {pair!r}; it must be one of {', '.join(PAIRS)}.")
    trials, estimates = load.trials(results), load.estimates(results)
    estimates = estimates[estimates["pair"] == pair]
    if estimates.empty:
        raise InputError(f"results {results!r} hold no completed fit of {pair}; run a trial that estimates it.")
    fits = estimates.assign(stability=verdict.stability(estimates))
    curves = load.curves(results, pair).merge(
        fits[["key", "run", "replicate", "stability"]], on=["key", "run", "replicate"]
    )
    curves["fit"] = curves[["key", "run", "replicate"]].astype(str).agg("/".join, axis=1)
    shown = shown_columns(trials)
    groups = trials[trials["state"] == "completed"].groupby(shown, sort=True, dropna=False)
    figure, axes = figures.panels(len(groups))
    for ax, (values, group) in zip(axes, groups, strict=True):
        chosen = curves[curves["key"].isin(group.index)]
        ceiling = fits[fits["key"].isin(group.index)]["ceiling"].max()
        figures.learning_curves(ax, chosen, ceiling, _title(shown, values))
    figures.finish(figure, f"MINE's bound for {pair}, every run, seed and replicate")
    return figure


def _title(columns: list[str], values: tuple[object, ...]) -> str:
    text = ", ".join(f"{path.split('.')[-1]} {value}" for path, value in zip(columns, values, strict=True))
    return textwrap.fill(text, width=44)


def save(figure: matplotlib.figure.Figure, path: str) -> None:
    """Write a figure; the ending of the path names the kind.

    Raises:
        InputError: if the kind is unknown or the path cannot be written.
    """
    try:
        figure.savefig(path, dpi=160)
    except (OSError, ValueError) as error:
        raise InputError(
            f"out is {path!r}; it must be a writable path that ends in .svg, .png or .pdf ({error})."
        ) from error
