"""The curves of one pair, a panel for each configuration of a results folder."""

from pathlib import Path

import matplotlib
import matplotlib.figure

from analysis import configurations, drawings, figures, frames, layout
from analysis.configurations import shown_columns
from trainables import places, verdict
from trainables.records.files import write_local
from trainables.sentences import counted
from trainables.settings import InputError

KINDS = (".svg", ".png", ".pdf", ".jpg")
"""Endings of the pictures that can be written."""


def draw(results: str | frames.Results, pair: str | None = None) -> matplotlib.figure.Figure:
    """Curves of all runs, seeds and replicates of a pair.

    Args:
        results: folder or URI, or the study read from it, which then notes what cannot be read.
        pair: None: the first of the results.

    Raises:
        InputError: if the pair is unknown or has no completed fit.
    """
    study = frames.study(results)
    if study.trials.empty:  # no row can be read
        raise InputError(_nothing(study, pair or "any pair", "estimates"))
    pairs, there = configurations.pairs(study.trials), set(", ".join(study.trials["mine.pairs"]).split(", "))
    pair = pair or next(one for one in pairs if one in there)
    if pair not in pairs:
        raise InputError(f"pair is {pair!r}; it must be one of {', '.join(pairs)}.")
    trials, estimates = study.trials, study.estimates
    estimates = estimates[estimates["pair"] == pair]
    if estimates.empty:
        raise InputError(_nothing(study, pair, "estimates"))
    fits = estimates.assign(outcome=verdict.outcome(estimates))
    curves = study.curves(pair).merge(fits[["key", "run", "replicate", "outcome"]], on=["key", "run", "replicate"])
    if curves.empty:
        raise InputError(_nothing(study, pair, "curves"))
    curves["fit"] = curves[["key", "run", "replicate"]].astype(str).agg("/".join, axis=1)
    shown = shown_columns(trials)
    varied = [path for path in shown if trials[path].astype(str).nunique() > 1] or shown
    drawn = trials.loc[fits["key"].unique()].sort_values(shown)
    groups = drawn.groupby("configuration", sort=False)
    with matplotlib.rc_context(layout.STYLE):
        figure, axes = layout.panels(len(groups))
        for ax, (_, group) in zip(axes, groups, strict=True):
            known = fits[fits["key"].isin(group.index)][["ceiling", "truth", "optimum"]].mean()
            settings = layout.wrapped(configurations.in_words(group.iloc[0], varied))
            figures.learning_curves(ax, curves[curves["key"].isin(group.index)], dict(known), settings)
        layout.finish(figure, f"MINE's bound for {pair}, every run, seed and replicate")
    return figure


def _nothing(study: frames.Results, pair: str, table: str) -> str:
    """Why there is nothing to draw: no trial is completed, none has the pair, or its rows were left out."""
    done = study.trials[study.trials["state"] == "completed"]
    if done.empty:
        failed = counted(int((study.trials["state"] == "failed").sum()), "trial")
        return f"results {study.source!r} hold no completed trial, and {failed} that failed: see `mine-study status`."
    if not done["mine.pairs"].map(lambda pairs: pair in pairs.split(", ")).any():
        return f"results {study.source!r} hold no completed fit of {pair}; run a trial that estimates it."
    return (
        f"results {study.source!r} hold no rows of {pair} in the table {table} that can be read, though completed "
        "trials have it; put its files back from a copy, or run its sweep again where they are damaged."
    )


def save(figure: matplotlib.figure.Figure, out: str) -> Path:
    """Write a figure atomically; the ending of the path names the kind.

    Raises:
        InputError: if the kind is unknown or the path cannot be written.
    """
    path = places.local(out, "out")
    if path.suffix.lower() not in KINDS:
        raise InputError(f"out is {out!r}; it must be a path on this machine that ends in {' or '.join(KINDS)}.")
    try:
        write_local(path, drawings.picture(figure, path.suffix[1:].lower(), dpi=160))
    except OSError as error:
        raise InputError(f"out is {out!r}; it must be a path that can be written ({places.said(error)}).") from error
    return path
