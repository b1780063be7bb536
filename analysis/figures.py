"""Pictures. Each function draws on the axes it is given and computes nothing but positions."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FormatStrFormatter, SymmetricalLogLocator

from analysis import layout

_CEILING_ROOM = 1.6
"""How much of the axis lies above the ceiling; an exploded curve leaves through the top."""


def learning_curves(ax: Axes, curves: pd.DataFrame, known: Mapping[str, float], title: str = "") -> None:
    """Bound per MINE epoch of many fits of one pair, coloured by verdict, beside the known answers.

    >>> _, (ax,) = layout.panels(1)
    >>> made = pd.DataFrame({"fit": "a", "mine_epoch": [1, 2], "bound": [0.5, 1.0], "outcome": "settled"})
    >>> learning_curves(ax, made, {"ceiling": 2.3, "truth": 2.0, "optimum": float("inf")})
    >>> ax.get_ylabel()
    'bound (nats)'

    Args:
        curves: columns `fit` (any label), `mine_epoch`, `bound` in nats, `outcome`.
        known: `ceiling`, `truth` and `optimum` in nats; one above the axis is written in its corner.
    """
    for verdict, colour in layout.COLOURS.items():
        chosen = curves[curves["outcome"] == verdict]
        for position, (_, fit) in enumerate(chosen.groupby("fit", observed=True)):
            label = verdict if position == 0 else None
            _curve(ax, fit, color=colour, linewidth=0.8, alpha=0.8, label=label)
    _say_if_nothing(ax, curves)
    _known_lines(ax, known)
    ax.set_title(title, fontsize="small")
    ax.set_xlabel("MINE epoch")
    ax.set_ylabel("bound (nats)")


def run_curves(ax: Axes, curves: pd.DataFrame, known: Mapping[str, float], title: str = "") -> None:
    """Bound per MINE epoch, a colour for each run with its number, as the paper's Figures 1 and 2.

    >>> _, (ax,) = layout.panels(1)
    >>> made = pd.DataFrame({"fit": "a", "run": 1, "mine_epoch": [1, 2], "bound": [0.5, 1.0], "middle": True})
    >>> run_curves(ax, made, {"ceiling": 2.3, "truth": 2.0, "optimum": 2.1})
    >>> [text.get_text() for text in ax.texts]
    ['1']

    Args:
        curves: columns `fit`, `run`, `mine_epoch`, `bound` in nats, `middle`: whether it is the run's median curve,
            drawn strongly and numbered.
        known: as for `learning_curves`.
    """
    runs = sorted(curves["run"].unique())
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(runs)))
    for run, colour in zip(runs, colours, strict=True):
        of_run = curves[curves["run"] == run]
        for _, fit in of_run[~of_run["middle"]].groupby("fit", observed=True):
            _curve(ax, fit, color=colour, linewidth=0.5, alpha=0.35)
        middle = of_run[of_run["middle"]]
        _curve(ax, middle, color=colour, linewidth=1.8)
        middle = middle[np.isfinite(middle["bound"])]
        if len(middle):
            end = middle.iloc[-1]
            # Numbers stand in steps beside the end, so that equal levels do not cover each other.
            place = (end["mine_epoch"] + 0.3 + 1.1 * runs.index(run), end["bound"])
            ax.annotate(str(run), place, color=colour, fontsize=8, fontweight="bold", va="center", annotation_clip=True)
    _say_if_nothing(ax, curves)
    _known_lines(ax, known)
    height = _height(known["ceiling"])
    highest = curves.loc[curves["middle"] & np.isfinite(curves["bound"]), "bound"].max()  # NaN where nothing is finite
    ax.set_ylim(-0.05 * height, np.clip(np.fmax(1.1 * highest / height, 1.12), 1.12, _CEILING_ROOM) * height)
    last = curves["mine_epoch"].max()
    ax.set_xlim(1, last + 1.1 * len(runs) + 0.6)
    ax.set_xticks([1, *(tick for tick in ax.get_xticks() if 1 < tick <= last)])
    ax.set_title(title)
    ax.set_xlabel("MINE epoch")
    ax.set_ylabel("bound (nats)")


def _curve(ax: Axes, fit: pd.DataFrame, **style: Any) -> None:
    """A fit's bound, broken where it is not finite; a point that stands alone is a dot."""
    bound = fit["bound"].astype(float).where(np.isfinite(fit["bound"])).to_numpy()
    there = np.r_[False, np.isfinite(bound), False]
    alone = there[1:-1] & ~there[:-2] & ~there[2:]
    ax.plot(fit["mine_epoch"], bound, marker=".", markersize=3, markevery=np.flatnonzero(alone).tolist(), **style)


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


def _say_if_nothing(ax: Axes, curves: pd.DataFrame) -> None:
    """Write into axes that they are empty because no bound is finite."""
    if not np.isfinite(curves["bound"]).any():
        ax.text(0.5, 0.5, "no finite bound", transform=ax.transAxes, ha="center", va="center", color="#555555",
                bbox={"facecolor": "white", "edgecolor": "none"})  # fmt: skip


def information_plane(
    ax: Axes, points: pd.DataFrame, ceilings: Mapping[str, float], styles: layout.Styles, title: str = ""
) -> None:
    """I(X;L) against I(Y;L) by layer, runs joined, the first and the last numbered, as the paper's Figures 3 to 5.

    Truths are hollow markers of the layer's shape, optima hollow stars (none where infinite); ceilings are lines.

    >>> _, (ax,) = layout.panels(1)
    >>> made = pd.DataFrame({"layer": ["sm1"], "run": [1], "x": [1.0], "y": [1.0], "settled": [True],
    ...     "truth_x": [2.0], "truth_y": [1.5], "optimum_x": [1.9], "optimum_y": [1.5]})
    >>> information_plane(ax, made, {"X": 7.0, "Y": 2.3}, layout.layer_styles(["sm1"]))
    >>> ax.get_xlabel()
    'I(X;L) (nats)'

    Args:
        points: columns `layer`, `run`, `x`, `y`, `settled`, `truth_x`, `truth_y`, `optimum_x`, `optimum_y`, in nats.
        ceilings: H(X) and H(Y) in nats, by variable.
        styles: of all layers of the points.
    """
    for layer, (colour, marker) in styles.items():
        rows = points[points["layer"] == layer].sort_values("run")
        hollow: dict[str, Any] = {"facecolors": "none", "linewidths": 0.9, "zorder": 2}
        ax.scatter(rows["truth_x"], rows["truth_y"], marker=marker, s=42, edgecolors=colour, alpha=0.8, **hollow)
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
    ax.axvline(ceilings["X"], **_CEILING_LINE)
    ax.axhline(ceilings["Y"], **_CEILING_LINE)
    width, height = _height(ceilings["X"]), _height(ceilings["Y"])
    ax.set_xlim(-0.03 * width, 1.14 * width)
    ax.set_ylim(-0.05 * height, 1.14 * height)
    ax.set_title(title)
    ax.set_xlabel("I(X;L) (nats)")
    ax.set_ylabel("I(Y;L) (nats)")


_CEILING_LINE: dict[str, Any] = {
    "color": layout.LINES["ceiling"][0],
    "linestyle": layout.LINES["ceiling"][1],
    "linewidth": 0.8,
    "zorder": 1,
}


def plane_legend(styles: layout.Styles) -> list[Artist]:
    """The legend of information planes."""
    layers = [
        Line2D([], [], color=colour, marker=marker, markersize=5, linewidth=0.8, label=layer)
        for layer, (colour, marker) in styles.items()
    ]
    kinds = [
        Line2D([], [], color="#555555", marker="o", markersize=5, linewidth=0, alpha=0.35, label="not all settled"),
        Line2D([], [], color="#555555", marker="o", markersize=6, linewidth=0, fillstyle="none", label="truth"),
        Line2D([], [], color="#555555", marker="*", markersize=7, linewidth=0, fillstyle="none", label="optimum"),
        Line2D([], [], color="black", linestyle="--", linewidth=0.8, label="ceilings H(X), H(Y)"),
    ]
    return [*layers, *kinds]


def explosion_heat_map(ax: Axes, shares: pd.DataFrame, texts: pd.DataFrame, title: str = "") -> None:
    """Share of exploded fits over two settings; a cell without trials is hatched.

    >>> _, (ax,) = layout.panels(1)
    >>> made = pd.DataFrame([[0.5]], index=pd.Index(["0"], name="noise_std"), columns=pd.Index(["1"], name="units"))
    >>> explosion_heat_map(ax, made, made.astype(str))
    >>> ax.get_ylabel(), ax.get_xlabel()
    ('noise_std', 'units')

    Args:
        shares: from 0 to 1, NaN where there is none; index and columns are named by the settings.
        texts: what stands in each cell, such as the share with its interval and n; same shape.
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
    ax.set_xlabel(str(shares.columns.name))
    ax.set_ylabel(str(shares.index.name))
    ax.set_title(title)
    if ax.get_subplotspec() is None or ax.get_subplotspec().is_last_col():  # type: ignore[union-attr]
        bar = ax.figure.colorbar(image, ax=ax, label="exploded fits (share)", fraction=0.05, pad=0.03)
        bar.outline.set_visible(False)  # type: ignore[operator]


def estimate_against_truth(
    ax: Axes, points: pd.DataFrame, limit: float, ratio: float, styles: layout.Styles, title: str = ""
) -> None:
    """Settled estimates against their truths by layer, with the diagonal and the lines of the bias verdict.

    >>> _, (ax,) = layout.panels(1)
    >>> made = pd.DataFrame({"layer": ["sm1"], "truth": [2.0], "estimate": [1.0]})
    >>> estimate_against_truth(ax, made, 2.3, 1.5, layout.layer_styles(["sm1"]))
    >>> ax.get_xlabel()
    'truth (nats)'

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
        style: dict[str, Any] = {
            "marker": marker,
            "s": 14,
            "color": colour,
            "alpha": 0.55,
            "linewidths": 0,
            "label": layer,
        }
        ax.scatter(rows["truth"], rows["estimate"], **style)
    ax.set_xlim(-0.03 * limit, 1.03 * limit)
    ax.set_ylim(-0.03 * limit, 1.03 * limit)
    ax.set_aspect("equal")
    ax.set_title(title)
    ax.set_xlabel("truth (nats)")
    ax.set_ylabel("estimate (nats)")


def exploded_curves(ax: Axes, curves: pd.DataFrame, ceiling: float, styles: layout.Styles, title: str = "") -> None:
    """Curves of exploded fits on a logarithmic axis, a cross where the verdict fell.

    >>> _, (ax,) = layout.panels(1)
    >>> made = pd.DataFrame({"fit": "a", "mine_epoch": [1, 2], "bound": [0.5, 9.0], "layer": "sm1", "exploded_at": 2.0})
    >>> exploded_curves(ax, made, 2.3, layout.layer_styles(["sm1"]))
    >>> ax.get_yscale()
    'symlog'

    Args:
        curves: columns `fit`, `mine_epoch`, `bound` in nats, `layer`, `exploded_at` (MINE epoch).
        ceiling: in nats.
        styles: of all layers of the curves.
    """
    for layer, (colour, _) in styles.items():
        for position, (_, fit) in enumerate(curves[curves["layer"] == layer].groupby("fit", observed=True)):
            label = layer if position == 0 else None
            _curve(ax, fit, color=colour, linewidth=0.8, alpha=0.8, label=label)
            before = fit[np.isfinite(fit["bound"]) & (fit["mine_epoch"] <= fit["exploded_at"].iloc[0])]
            if len(before):
                end = before.iloc[-1]
                ax.plot(end["mine_epoch"], end["bound"], marker="x", color=colour, markersize=4, linewidth=0)
    _say_if_nothing(ax, curves)
    ax.axhline(ceiling, color="black", linestyle="--", linewidth=1.0, label="ceiling")
    # The part below 1 nat keeps its place beside many decades.
    decades = np.log10(np.abs(curves["bound"][np.isfinite(curves["bound"])]).max() + 1)
    ax.set_yscale("symlog", linthresh=1.0, linscale=np.fmax(decades / 6, 1.0))
    if decades < 2:  # or one power of ten stands alone on the axis
        ax.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1.0, subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    ax.set_xlim(0.5, curves["mine_epoch"].max() + 0.5)
    ax.set_title(title)
    ax.set_xlabel("MINE epoch")
    ax.set_ylabel("bound (nats)")


def beside_optima(ax: Axes, fits: pd.DataFrame, top: float, title: str) -> None:
    """Estimates, by outcome, and optima (rings) against the truth.

    Args:
        fits: as `judging.judge` returns them.
        top: the largest truth of all panels, in nats; the axis ends at one and a half times it.
    """
    ax.plot([0, top], [0, top], color=layout.LINES["truth"][0], linewidth=2)
    ax.scatter(fits["truth"], fits["optimum"], s=14, facecolors="none", edgecolors="black", label="optimum")
    for outcome, colour in layout.COLOURS.items():
        part = fits[fits["outcome"] == outcome]
        ax.scatter(part["truth"], part["estimate"], s=8, color=colour, label=outcome)
    ax.set(title=title, xlabel="truth (nats)", ylabel="nats", ylim=(-0.5, 1.5 * top))
