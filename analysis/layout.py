"""One look for all pictures: style, colours of layers, panels, titles, legends."""

import itertools
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.figure
from matplotlib.artist import Artist
from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart by colour-blind readers and in grey; every kind has a marker as well.
COLOURS = {
    "settled": "#0072B2",
    "unsettled": "#009E73",
    "stuck": "#CC79A7",
    "collapsed": "#999999",
    "exploded": "#D55E00",
}

DASHES = {"settled": "", "unsettled": "4 2", "stuck": "1 2", "collapsed": "6 2 1 2", "exploded": "2 1"}
"""Curves by outcome, told apart without colours: lengths of strokes and gaps, none of a whole line."""

WIDTHS = {"exploded": 1.6}
"""Widths of curves by outcome, beside 1."""

LINES = {"truth": ("#BBBBBB", "-", 3.0), "ceiling": ("black", "--", 1.0), "optimum": ("black", ":", 1.5)}
"""Known answers, as lines: colour, style, width. The ceiling stays visible on a truth that equals it."""

STYLE: dict[Any, Any] = {
    "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "legend.fontsize": 8, "xtick.labelsize": 8,
    "ytick.labelsize": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": False,
    "legend.frameon": False, "svg.hashsalt": "mine-study", "font.family": "DejaVu Sans",
}  # fmt: skip
"""One look for all pictures, readable in print."""

_LAYER_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

Styles = Mapping[str, tuple[str, str]]
"""Colour and marker by layer, in the network's order."""


def layer_styles(layers: Iterable[str]) -> Styles:
    """A colour and a marker for each layer; 63 are told apart.

    >>> layer_styles(["relu", "out"])["out"]
    ('#E69F00', 's')
    """
    return dict(zip(layers, zip(itertools.cycle(_LAYER_COLOURS), itertools.cycle(_MARKERS)), strict=False))


def panels(
    count: int, columns: int = 2, size: tuple[float, float] = (3.6, 2.7), shared: bool = True
) -> tuple[matplotlib.figure.Figure, list[Axes]]:
    """A figure with `count` axes in rows; `finish` adds one legend, and one label per edge."""
    columns = min(count, columns)
    rows = math.ceil(count / columns)
    with matplotlib.rc_context(STYLE):
        figsize = (size[0] * columns, size[1] * rows + 0.5)
        figure = matplotlib.figure.Figure(figsize=figsize, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared)
    for unused in axes.flat[count:]:
        unused.set_visible(False)
    for ax in axes.flat[:count]:  # the lowest of a column that is not full keeps its labels
        ax.tick_params(labelbottom=True)
    return figure, list(axes.flat[:count])


_LETTERS = 11
"""Letters of a title per inch."""


def wrapped(text: str, inches: float = 3.6) -> str:
    """A title in lines that fit a width, by default a panel's; a setting stays beside its value.

    >>> wrapped("architecture 1, noise_std 0, hidden_units 10")
    'architecture 1, noise_std 0,\\nhidden_units 10'
    """
    kept = text.replace(" ", "\xa0").replace(",\xa0", ", ").replace(":\xa0", ": ")
    lines = textwrap.wrap(kept, int(_LETTERS * inches), break_long_words=False)
    return "\n".join(lines).replace("\xa0", " ")


def finish(
    figure: matplotlib.figure.Figure, title: str, handles: Sequence[Artist] | None = None, first: Iterable[str] = ()
) -> None:
    """Give the figure its title and one legend for all axes, and take away labels that repeat.

    Args:
        handles: the legend's; None: those of the axes, `first` those with these labels, whichever panel has which.
    """
    found: dict[str, Artist] = {}
    for ax in figure.axes:
        artists, labels = ax.get_legend_handles_labels()
        found.update(zip(labels, artists, strict=True))
    leading = [name for name in first if name in found]
    found = {name: found[name] for name in dict.fromkeys([*leading, *found])}
    if handles is not None:
        found = {str(artist.get_label()): artist for artist in handles}
    figure.suptitle(wrapped(title, figure.get_figwidth()), fontsize=10)
    for ax in figure.axes:
        place = ax.get_subplotspec()
        if place is not None and not place.is_first_col() and ax.get_shared_y_axes().get_siblings(ax) != [ax]:
            ax.set_ylabel("")
    if found:
        rows = math.ceil(len(found) / max(2, int(figure.get_figwidth() / 1.25)))
        columns = math.ceil(len(found) / rows)
        figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=columns, fontsize=8)
