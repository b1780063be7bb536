"""Plots. Each function draws on the axes that it is given and computes nothing but positions.

Fits have their curve in the column `curve`: an array of bounds in nats per MINE epoch, from 1.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib
import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FormatStrFormatter, SymmetricalLogLocator
from numpy.typing import NDArray

from analysis import layout

Curve = NDArray[np.float64]
"""Bounds in nats per MINE epoch, from 1."""

_APART = 0.06
"""Distance, in ceilings, from which on two numbers in a plane can both be read."""

_CEILING_ROOM = 1.6
"""How high the axis is, in ceilings; an exploded curve leaves through the top."""


def learning_curves(ax: Axes, fits: pd.DataFrame, known: Mapping[str, float], title: str = "") -> None:
    """Bound per MINE epoch of many fits of one pair, coloured by outcome, beside the known answers.

    Args:
        fits: columns `outcome`, `curve`.
        known: `ceiling`, `truth` and `optimum` in nats; one above the axis is written in its corner.
    """
    for outcome, colour in layout.COLOURS.items():
        for position, curve in enumerate(fits.loc[fits["outcome"] == outcome, "curve"]):
            label = outcome if position == 0 else None
            style: Any = (0, strokes) if (strokes := [*map(float, layout.DASHES[outcome].split())]) else "-"
            width = 0.8 * layout.WIDTHS.get(outcome, 1)
            _curve(ax, curve, color=colour, linestyle=style, linewidth=width, alpha=0.8, label=label)
    _say_if_nothing(ax, fits["curve"])
    _known_lines(ax, known)
    ax.set(title=title, xlabel="MINE epoch", ylabel="bound (nats)")
    ax.title.set_fontsize("small")


def run_curves(
    ax: Axes, fits: pd.DataFrame, medians: Mapping[int, Curve], known: Mapping[str, float], title: str = ""
) -> None:
    """Bound per MINE epoch, a colour for each run with its number, as the paper's Figures 1 and 2.

    Args:
        fits: columns `run`, `curve`.
        medians: each run's median curve, drawn strongly and numbered.
        known: as for `learning_curves`.
    """
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(medians)))
    for position, ((run, median), colour) in enumerate(zip(medians.items(), colours, strict=True)):
        for curve in fits.loc[fits["run"] == run, "curve"]:
            _curve(ax, curve, color=colour, linewidth=0.5, alpha=0.35)
        _curve(ax, median, color=colour, linewidth=1.8)
        there = np.flatnonzero(np.isfinite(median))
        if len(there):
            # Numbers are placed in steps beside the end, so that equal levels do not cover each other.
            place = (there[-1] + 1 + 0.3 + 1.1 * position, median[there[-1]])
            ax.annotate(str(run), place, color=colour, fontsize=8, fontweight="bold", va="center", annotation_clip=True)
    _say_if_nothing(ax, fits["curve"])
    _known_lines(ax, known)
    height = _height(known["ceiling"])
    of_medians = np.concatenate(list(medians.values()))
    highest = np.fmax.reduce(of_medians, where=np.isfinite(of_medians), initial=np.nan)  # NaN where nothing is finite
    ax.set_ylim(-0.05 * height, np.clip(np.fmax(1.1 * highest / height, 1.12), 1.12, _CEILING_ROOM) * height)
    last = max(map(len, medians.values()))
    ax.set_xlim(1, last + 1.1 * len(medians) + 0.6)
    ax.set_xticks([1, *(tick for tick in ax.get_xticks() if 1 < tick <= last)])
    ax.set(title=title, xlabel="MINE epoch", ylabel="bound (nats)")


def _curve(ax: Axes, curve: Curve, **style: Any) -> None:
    """A fit's bound, broken where it is not finite; a single point is a dot."""
    bound = np.where(np.isfinite(curve), curve, np.nan)
    there = np.r_[False, np.isfinite(bound), False]
    alone = there[1:-1] & ~there[:-2] & ~there[2:]
    epochs = np.arange(1, len(bound) + 1)
    ax.plot(epochs, bound, marker=".", markersize=3, markevery=np.flatnonzero(alone).tolist(), **style)


def _known_lines(ax: Axes, known: Mapping[str, float]) -> None:
    """Ceiling, truth and optimum as lines; one above the axis is written in its corner."""
    top, above = _CEILING_ROOM * _height(known["ceiling"]), []
    for name, (colour, style, width) in layout.LINES.items():
        if known[name] < top:
            ax.axhline(known[name], color=colour, linestyle=style, linewidth=width, label=name, zorder=0)
        elif not np.isnan(known[name]):
            number = f"{known[name]:,.0f}" if known[name] >= 100 else f"{known[name]:.3g}"
            above.append(f"{name} {number} nats")
    if above:
        ax.text(0.02, 0.97, "\n".join(above), transform=ax.transAxes, va="top", fontsize="small")
    ax.set_ylim(-0.1 / _CEILING_ROOM * top, top)


def _height(ceiling: float) -> float:
    """What an axis in nats is measured by: the ceiling, or 1 where all samples or labels are the same."""
    return ceiling if ceiling > 0 else 1.0


def _say_if_nothing(ax: Axes, curves: Iterable[Curve]) -> None:
    """Write into axes that they are empty because no bound is finite."""
    if not any(np.isfinite(curve).any() for curve in curves):
        ax.text(0.5, 0.5, "no finite bound", transform=ax.transAxes, ha="center", va="center", color="#555555",
                bbox={"facecolor": "white", "edgecolor": "none"})  # fmt: skip


def information_plane(
    ax: Axes, points: pd.DataFrame, ceilings: Mapping[str, float], styles: layout.Styles, title: str = ""
) -> None:
    """I(X;L) against I(Y;L) by layer, runs joined, the first and the last numbered, as the paper's Figures 3 to 5.

    Truths are hollow markers of the layer's shape, joined and numbered by run where there is room; optima hollow
    stars (none where infinite); ceilings are lines.


    Args:
        points: columns `layer`, `run`, `x`, `y`, `settled`, `truth_x`, `truth_y`, `optimum_x`, `optimum_y`, in nats.
        ceilings: H(X) and H(Y) in nats, by variable.
        styles: of all layers of the points.
    """
    for layer, (colour, marker) in styles.items():
        rows = points[points["layer"] == layer].sort_values("run")
        hollow: dict[str, Any] = {"facecolors": "none", "linewidths": 0.9, "zorder": 2}
        ax.plot(rows["truth_x"], rows["truth_y"], color=colour, linewidth=0.8, alpha=0.8, linestyle="--", zorder=2)
        ax.scatter(rows["truth_x"], rows["truth_y"], marker=marker, s=42, edgecolors=colour, alpha=0.8, **hollow)
        _number(ax, rows["run"], rows["truth_x"] / ceilings["X"], rows["truth_y"] / ceilings["Y"], ceilings, colour)
        optimum = rows[np.isfinite(rows["optimum_x"]) & np.isfinite(rows["optimum_y"])]
        ax.scatter(optimum["optimum_x"], optimum["optimum_y"], marker="*", s=48, edgecolors=colour, alpha=0.8, **hollow)
        there = rows.dropna(subset=["x", "y"])
        ax.plot(there["x"], there["y"], color=colour, linewidth=0.8, alpha=0.6, zorder=3)
        for settled, alpha in ((True, 1.0), (False, 0.35)):
            part = there[there["settled"] == settled]
            ax.scatter(part["x"], part["y"], marker=marker, s=26, color=colour, alpha=alpha, linewidths=0, zorder=4)
        ends = there.iloc[sorted({0, len(there) - 1})] if len(there) else there  # every number would not be read
        for row in ends.itertuples():
            ax.annotate(str(row.run), (row.x, row.y), xytext=(3, 3), textcoords="offset points", color=colour,
                        fontsize=7, zorder=5)  # fmt: skip
    colour, line, _ = layout.LINES["ceiling"]
    ax.axvline(ceilings["X"], color=colour, linestyle=line, linewidth=0.8, zorder=1)
    ax.axhline(ceilings["Y"], color=colour, linestyle=line, linewidth=0.8, zorder=1)
    width, height = _height(ceilings["X"]), _height(ceilings["Y"])
    ax.set(xlim=(-0.03 * width, 1.14 * width), ylim=(-0.05 * height, 1.14 * height))
    ax.set(title=title, xlabel="I(X;L) (nats)", ylabel="I(Y;L) (nats)")


def _number(ax: Axes, runs: pd.Series, x: pd.Series, y: pd.Series, ceilings: Mapping[str, float], colour: str) -> None:
    """Run numbers left of their points (shares of the ceilings), left out where one would cover the one before."""
    last = None
    for run, *place in zip(runs, x, y, strict=True):
        if np.isfinite(place).all() and (last is None or np.hypot(*np.subtract(place, last)) > _APART):
            last = place
            point = (place[0] * ceilings["X"], place[1] * ceilings["Y"])
            ax.annotate(str(run), point, xytext=(-4, -3), textcoords="offset points", color=colour, fontsize=6,
                        ha="right", va="top", zorder=5)  # fmt: skip


def plane_legend(styles: layout.Styles) -> list[Artist]:
    """The legend of information planes."""
    layers = [
        Line2D([], [], color=colour, marker=marker, markersize=5, linewidth=0.8, label=layer)
        for layer, (colour, marker) in styles.items()
    ]
    kinds = [
        Line2D([], [], color="#555555", marker="o", markersize=5, linewidth=0, alpha=0.35, label="not all settled"),
        Line2D(
            [],
            [],
            color="#555555",
            marker="o",
            markersize=6,
            linewidth=0.8,
            linestyle="--",
            fillstyle="none",
            label="truth",
        ),
        Line2D([], [], color="#555555", marker="*", markersize=7, linewidth=0, fillstyle="none", label="optimum"),
        Line2D([], [], color="black", linestyle="--", linewidth=0.8, label="ceilings H(X), H(Y)"),
    ]
    return [*layers, *kinds]


def explosion_heat_map(ax: Axes, shares: pd.DataFrame, texts: pd.DataFrame, title: str = "") -> None:
    """Share of exploded fits over two settings; a cell without trials is hatched.


    Args:
        shares: from 0 to 1, NaN where there is none; index and columns are named by the settings.
        texts: the text of each cell, such as the share with its interval and n; same shape.
    """
    values = shares.to_numpy(float)
    ax.set_facecolor("#DDDDDD")
    image = ax.imshow(values, cmap="YlOrBr", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            corner = (column - 0.5, row - 0.5)
            ax.add_patch(matplotlib.patches.Rectangle(corner, 1, 1, hatch="///", fill=False, edgecolor="white", lw=0))
            ax.text(column, row, "no trial", ha="center", va="center", fontsize=8, color="#555555")
        else:
            colour = "white" if value > 0.65 else "black"
            ax.text(column, row, str(texts.iloc[row, column]), ha="center", va="center", fontsize=8, color=colour)
    ax.set_xticks(range(shares.shape[1]), list(shares.columns))
    ax.set_yticks(range(shares.shape[0]), list(shares.index))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(title=title, xlabel=str(shares.columns.name), ylabel=str(shares.index.name))
    if ax.get_subplotspec() is None or ax.get_subplotspec().is_last_col():  # type: ignore[union-attr]
        bar = ax.figure.colorbar(image, ax=ax, label="exploded fits (share)", fraction=0.05, pad=0.03)
        bar.outline.set_visible(False)  # type: ignore[operator]


def estimate_against_truth(
    ax: Axes, points: pd.DataFrame, limit: float, ratio: float, styles: layout.Styles, title: str = ""
) -> None:
    """Settled estimates against their truths by layer, with the diagonal and the lines of the bias verdict.


    Args:
        points: columns `layer`, `truth`, `estimate` in nats.
        limit: end of both axes, in nats.
        ratio: the factor within which an estimate counts as within.
        styles: of all layers of the points.
    """
    limit = _height(limit)
    ax.plot([0, limit], [0, limit], color="black", linewidth=0.9, label="estimate = truth")
    ax.plot([0, limit], [0, limit / ratio], color="black", linewidth=0.7, linestyle=":", label=f"factor {ratio:g}")
    ax.plot([0, limit / ratio], [0, limit], color="black", linewidth=0.7, linestyle=":")
    for layer, (colour, marker) in styles.items():
        rows = points[points["layer"] == layer]
        if rows.empty:
            continue
        style: dict[str, Any] = {"marker": marker, "s": 14, "color": colour, "alpha": 0.55, "linewidths": 0}
        ax.scatter(rows["truth"], rows["estimate"], label=layer, **style)
    span = (-0.03 * limit, 1.03 * limit)
    ax.set(xlim=span, ylim=span, aspect="equal")
    ax.set(title=title, xlabel="truth (nats)", ylabel="estimate (nats)")


def exploded_curves(ax: Axes, fits: pd.DataFrame, ceiling: float, styles: layout.Styles, title: str = "") -> None:
    """Curves of exploded fits on a logarithmic axis, a cross where the verdict fell.

    Args:
        fits: columns `curve`, `layer`, `exploded_epoch`.
        ceiling: in nats.
        styles: of all layers of the fits.
    """
    for layer, (colour, _) in styles.items():
        of_layer = fits[fits["layer"] == layer]
        for position, (curve, exploded) in enumerate(zip(of_layer["curve"], of_layer["exploded_epoch"], strict=True)):
            label = layer if position == 0 else None
            _curve(ax, curve, color=colour, linewidth=0.8, alpha=0.8, label=label)
            before = np.flatnonzero(np.isfinite(curve) & (np.arange(1, len(curve) + 1) <= exploded))
            if len(before):
                ax.plot(before[-1] + 1, curve[before[-1]], marker="x", color=colour, markersize=4, linewidth=0)
    _say_if_nothing(ax, fits["curve"])
    ax.axhline(ceiling, color="black", linestyle="--", linewidth=1.0, label="ceiling")
    # The part below 1 nat keeps its place beside many decades.
    bound = np.concatenate(list(fits["curve"]))
    decades = np.log10(np.fmax.reduce(np.abs(bound), where=np.isfinite(bound), initial=np.nan) + 1)
    ax.set_yscale("symlog", linthresh=1.0, linscale=np.fmax(decades / 6, 1.0))
    if decades < 2:  # or the axis would have one power of ten only
        ax.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1.0, subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    ax.set_xlim(0.5, fits["curve"].map(len).max() + 0.5)
    ax.set(title=title, xlabel="MINE epoch", ylabel="bound (nats)")


def beside_optima(ax: Axes, fits: pd.DataFrame, top: float, title: str) -> None:
    """Estimates, by outcome, and optima (rings) against the truth.

    Args:
        fits: with `truth`, `optimum`, `estimate` and `outcome`.
        top: the largest truth of all panels, in nats; the axis ends at one and a half times it.
    """
    ax.plot([0, top], [0, top], color=layout.LINES["truth"][0], linewidth=2)
    ax.scatter(fits["truth"], fits["optimum"], s=14, facecolors="none", edgecolors="black", label="optimum")
    for outcome, colour in layout.COLOURS.items():
        part = fits[fits["outcome"] == outcome]
        ax.scatter(part["truth"], part["estimate"], s=8, color=colour, label=outcome)
    ax.set(title=title, xlabel="truth (nats)", ylabel="nats", ylim=(-0.5, 1.5 * top))
