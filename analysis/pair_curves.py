"""The curves of one pair, a panel for each configuration of a results folder."""

from pathlib import Path

import matplotlib
import matplotlib.figure

from analysis import configurations, figures, layout, pictures, plots
from analysis.results import Results
from trainables import places
from trainables.errors import require_one_of
from trainables.records.files import write_local
from trainables.sentences import counted
from trainables.settings import InputError

KINDS = (".svg", ".png", ".pdf", ".jpg")
"""Endings of the pictures that can be written."""


def draw(results: Results, pair: str | None = None, first: int | None = None) -> matplotlib.figure.Figure:
    """Curves of all runs, seeds and replicates of a pair; None: the first of the results.

    Args:
        first: configurations at most.

    Raises:
        InputError: if the pair is unknown or has no completed fit.
    """
    trials = results.trials
    if trials.empty:  # no row can be read
        raise InputError(_nothing(results, pair or "any pair", "estimates"))
    pairs, there = configurations.pairs(trials), set(", ".join(trials["mine.pairs"]).split(", "))
    pair = pair or next(one for one in pairs if one in there)
    require_one_of("pair", pair, pairs)
    judged = results.judged[results.judged["pair"] == pair]
    if judged.empty:
        raise InputError(_nothing(results, pair, "estimates"))
    fits = figures.with_curves(results, pair)
    if fits.empty:
        raise InputError(_nothing(results, pair, "curves"))
    shown = configurations.shown_columns(trials)
    varied = [path for path in shown if trials[path].astype(str).nunique() > 1] or shown
    groups = trials.loc[judged["key"].unique()].sort_values(shown).groupby("configuration", sort=False)
    panels = list(groups)[:first]
    with matplotlib.rc_context(layout.STYLE):
        figure, axes = layout.panels(len(panels))
        for ax, (_, group) in zip(axes, panels, strict=True):
            known = figures.known_answers(judged[judged["key"].isin(group.index)])
            settings = layout.wrapped(configurations.in_words(group.iloc[0], varied))
            of_group = fits[fits["key"].isin(group.index)].sort_values(["key", "run", "replicate"])
            plots.learning_curves(ax, of_group, known, settings)
        layout.finish(figure, f"MINE's bound for {pair}, every run, seed and replicate")
    return figure


def _nothing(results: Results, pair: str, table: str) -> str:
    """Why there is nothing to draw: no trial is completed, none has the pair, or its rows were left out."""
    done = results.trials[results.trials["state"] == "completed"]
    if done.empty:
        failed = counted(int((results.trials["state"] == "failed").sum()), "trial")
        return f"results {results.source!r} hold no completed trial, and {failed} that failed: see `mine-study status`."
    if not done["mine.pairs"].map(lambda pairs: pair in pairs.split(", ")).any():
        return f"results {results.source!r} hold no completed fit of {pair}; run a trial that estimates it."
    return (
        f"results {results.source!r} hold no rows of {pair} in the table {table} that can be read, though completed "
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
        write_local(path, pictures.picture(figure, path.suffix[1:].lower(), dpi=160))
    except OSError as error:
        raise InputError(f"out is {out!r}; it must be a path that can be written ({places.said(error)}).") from error
    return path
