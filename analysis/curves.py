"""The curves of one pair, a panel for each configuration of a results folder."""

from pathlib import Path

import matplotlib.figure

from analysis import figures, frames
from analysis.frames import shown_columns
from trainables import verdict
from trainables.config import PAIRS, InputError

KINDS = (".svg", ".png", ".pdf", ".jpg")
"""Endings of the pictures that can be written."""


def draw(results: str, pair: str) -> matplotlib.figure.Figure:
    """Curves of all runs, seeds and replicates of a pair.

    Raises:
        InputError: if the pair is unknown or has no completed fit.
    """
    if pair not in PAIRS:
        raise InputError(f"pair is {pair!r}; it must be one of {', '.join(PAIRS)}.")
    trials, estimates = frames.trials(results), frames.estimates(results)
    estimates = estimates[estimates["pair"] == pair]
    if estimates.empty:
        raise InputError(f"results {results!r} hold no completed fit of {pair}; run a trial that estimates it.")
    fits = estimates.assign(stability=verdict.stability(estimates))
    curves = frames.curves(results, pair).merge(
        fits[["key", "run", "replicate", "stability"]], on=["key", "run", "replicate"]
    )
    if curves.empty:
        raise InputError(f"results {results!r} hold no curve of {pair}; the folder curves/ must be there.")
    curves["fit"] = curves[["key", "run", "replicate"]].astype(str).agg("/".join, axis=1)
    shown = shown_columns(trials)
    varied = [path for path in shown if trials[path].astype(str).nunique() > 1] or shown
    drawn = trials.loc[fits["key"].unique()].sort_values(shown)
    groups = drawn.groupby("configuration", sort=False)
    figure, axes = figures.panels(len(groups))
    for ax, (_, group) in zip(axes, groups, strict=True):
        known = fits[fits["key"].isin(group.index)][["ceiling", "truth", "optimum"]].mean()
        settings = frames.in_words(group.iloc[0], varied)
        figures.learning_curves(ax, curves[curves["key"].isin(group.index)], dict(known), figures.wrapped(settings))
    figures.finish(figure, f"MINE's bound for {pair}, every run, seed and replicate")
    return figure


def save(figure: matplotlib.figure.Figure, path: str) -> None:
    """Write a figure; the ending of the path names the kind.

    Raises:
        InputError: if the kind is unknown or the path cannot be written.
    """
    if Path(path).suffix.lower() not in KINDS or "://" in path:
        raise InputError(f"out is {path!r}; it must be a path on this machine that ends in {' or '.join(KINDS)}.")
    try:
        figure.savefig(path, dpi=160)
    except OSError as error:
        raise InputError(f"out is {path!r}; it must be a writable path ({error}).") from error
