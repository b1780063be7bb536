"""Pictures. Each function draws on the axes it is given and computes nothing but positions."""

import math
from collections.abc import Mapping

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart by colour-blind readers and in grey.
COLOURS = {"settled": "#0072B2", "unsettled": "#009E73", "collapsed": "#999999", "exploded": "#D55E00"}

LINES = {"truth": ("#BBBBBB", "-", 3.0), "ceiling": ("black", "--", 1.0), "target": ("black", ":", 1.5)}
"""Known answers, as lines: colour, style, width. The ceiling stays visible on a truth that equals it."""

_CEILING_ROOM = 1.6
"""How much of the axis lies above the ceiling; an exploded curve leaves through the top."""


def learning_curves(ax: Axes, curves: pd.DataFrame, known: Mapping[str, float], title: str = "") -> None:
    """Bound per MINE epoch of many fits of one pair, coloured by verdict, beside the known answers.

    Args:
        curves: columns `fit` (any label), `mine_epoch`, `bound` in nats, `stability`.
        known: `ceiling`, `truth` and `target` in nats; one above the axis is written in its corner.
    """
    for verdict, colour in COLOURS.items():
        chosen = curves[curves["stability"] == verdict]
        for position, (_, fit) in enumerate(chosen.groupby("fit")):
            bound = fit["bound"].where(np.isfinite(fit["bound"]))
            label = verdict if position == 0 else None
            ax.plot(fit["mine_epoch"], bound, color=colour, linewidth=0.8, alpha=0.8, label=label)
    top = _CEILING_ROOM * known["ceiling"]
    for name, (colour, style, width) in LINES.items():
        if known[name] < top:
            ax.axhline(known[name], color=colour, linestyle=style, linewidth=width, label=name)
        else:
            ax.text(0.02, 0.95, f"{name} {known[name]:.3g}", transform=ax.transAxes, va="top", fontsize="small")
    ax.set_ylim(-0.1 * known["ceiling"], top)
    ax.set_title(title, fontsize="small")
    ax.set_xlabel("MINE epoch")
    ax.set_ylabel("bound (nats)")


def panels(count: int, columns: int = 2) -> tuple[matplotlib.figure.Figure, list[Axes]]:
    """A figure with `count` axes in rows; one legend and one label an edge are added by `finish`."""
    columns = min(count, columns)
    rows = math.ceil(count / columns)
    figure = matplotlib.figure.Figure(figsize=(4.2 * columns, 2.9 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for unused in axes.flat[count:]:
        unused.set_visible(False)
    return figure, list(axes.flat[:count])


def finish(figure: matplotlib.figure.Figure, title: str) -> None:
    """Give the figure its title and one legend for all axes."""
    found: dict[str, Artist] = {}
    for ax in figure.axes:
        ax.label_outer()
        handles, labels = ax.get_legend_handles_labels()
        found.update(zip(labels, handles, strict=True))
    figure.suptitle(title)
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=len(found), fontsize="small")
