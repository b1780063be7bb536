"""The figures of a study: which data go into which picture, and what is written under it."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import matplotlib
import matplotlib.figure
import numpy as np
import pandas as pd

from analysis import configurations, fit_curves, intervals, layout, planes, plots
from analysis.results import FIT, Results, arrays
from trainables.settings import setting, short_name
from trainables.verdict import VerdictRule

MOST_CONFIGURATIONS = 8
"""Configurations that get an information plane, or learning curves, of their own."""

MOST_SEEDS = 3
"""Panels of an information plane."""

MOST_PANELS = 6
"""Panels of a figure."""

MOST_CURVES = 24
"""Exploded curves of a panel, about."""

PAPER_PAIR = "Y;relu3"
"""The pair of the paper's Figures 1 and 2."""


@dataclass(frozen=True)
class Drawing:
    """A figure with its file name, and a caption in sentences."""

    name: str
    caption: str
    figure: matplotlib.figure.Figure


@dataclass(frozen=True)
class Figure:
    """A kind of figure.

    Attributes:
        draw: makes its drawings, named by the kind, where there are several with `_` and a number or letter; none where
            there is nothing to draw.
        missing: what is missing where it makes none, and the one reason that there is; empty: nothing is missed.
    """

    draw: Callable[[Results], Iterator[Drawing]]
    missing: str


def draw(results: Results) -> Iterator[Drawing]:
    """All figures that the study has data for."""
    if results.judged.empty:
        return
    with matplotlib.rc_context(layout.STYLE):
        for figure in FIGURES.values():
            yield from figure.draw(results)


def learning(results: Results) -> Iterator[Drawing]:
    """MINE's learning curves by run, reinit and finetune side by side (the paper's Figures 1 and 2)."""
    trials, there = results.trials, results.judged["pair"].cat.categories
    pair = PAPER_PAIR if PAPER_PAIR in there else there[0]
    fits = with_curves(results, pair)
    drawn = trials[trials.index.isin(fits["key"])].sort_values(configurations.varied_columns(trials))
    labels = [configurations.label(trials, key, ("mine.transfer_mode",)) for key in drawn.index]
    base = pd.Series(labels, drawn.index, dtype=object)
    modes = drawn.groupby(base, sort=False)["mine.transfer_mode"].nunique()
    # Configurations with both modes first: they are what the comparison is about.
    order = modes.sort_values(ascending=False, kind="stable").index[:MOST_CONFIGURATIONS]
    for number, name in enumerate(order, 1):
        group = drawn[base == name]
        present = [mode for mode in ("reinit", "finetune") if mode in set(group["mine.transfer_mode"])]
        figure, axes = layout.panels(len(present), columns=2, size=(3.6, 3.0))
        for ax, mode in zip(axes, present, strict=True):
            keys = group.index[group["mine.transfer_mode"] == mode]
            of_mode = fits[fits["key"].isin(keys)].sort_values(["key", "replicate"])
            medians = {run: _median(of_mode.loc[of_mode["run"] == run, "curve"]) for run in sorted(set(of_mode["run"]))}
            plots.run_curves(ax, of_mode, medians, known_answers(of_mode), f"{mode}, seeds: {len(keys)}")
        layout.finish(figure, f"I({pair[0]};{pair[2:]}): {name}")
        yield Drawing(
            f"learning_{number}",
            f"MINE's learning curves for {pair} by run, {name}: each fit (thin) and the median of each run's fits "
            "(thick, numbered), truth and optimum as means over runs. finetune continues from the run before.",
            figure,
        )


def with_curves(results: Results, pair: str) -> pd.DataFrame:
    """The judged fits of a pair that have a curve, with it: an array of bounds in nats per MINE epoch."""
    rows = results.curve_rows(pair, [*FIT, "mine_epoch", "bound"])
    found = [pd.DataFrame(columns=[*FIT, "curve"])]
    found += [fits.assign(curve=list(bound)) for fits, bound in arrays(rows)]
    judged = results.judged[results.judged["pair"] == pair].astype({"key": str, "pair": str})
    return pd.concat(found).merge(judged, on=FIT)


def _median(curves: Iterable[plots.Curve]) -> plots.Curve:
    """Median per epoch. A fit that exploded stays on the side to which it left, here above."""
    return (
        pd.DataFrame([pd.Series(np.where(np.isfinite(curve), curve, np.inf)) for curve in curves]).median().to_numpy()
    )


def known_answers(fits: pd.DataFrame) -> dict[str, float]:
    """Mean ceiling, truth and optimum of some fits, in nats."""
    return {name: float(fits[name].mean()) for name in ("ceiling", "truth", "optimum")}


def information_planes(results: Results) -> Iterator[Drawing]:
    """The paper's Figures 3 to 5, then the planes of configurations with pairs of both variables."""
    of_paper = [(f"{figure} of the paper", panels) for figure, panels in planes.of_paper(results, MOST_SEEDS)]
    others = planes.of_configurations(results, MOST_CONFIGURATIONS, MOST_SEEDS)
    made = [*of_paper, *((configurations.label(results.trials, key), panels) for key, panels in others)]
    styles = layout.layer_styles(configurations.layers(results.trials))
    for number, (name, panels) in enumerate(made, 1):
        figure, axes = layout.panels(len(panels), columns=3, size=(3.1, 3.2))
        fits = pd.concat([panel.fits for panel in panels if panel.fits is not None])
        ceilings = {str(name): float(part.mean()) for name, part in fits.groupby("variable", observed=True)["ceiling"]}
        for ax, panel in zip(axes, panels, strict=True):
            plots.information_plane(ax, panel.points, ceilings, styles, panel.title)
        there = {layer for panel in panels for layer in panel.points["layer"]}
        shown = {layer: style for layer, style in styles.items() if layer in there}
        layout.finish(figure, name, plots.plane_legend(shown))
        yield Drawing(
            f"plane_{number}",
            f"Information plane, {name}: estimates by layer, first and last run numbered (means over replicates; "
            "exploded fits left out; pale where a fit did not settle); truths hollow, joined and numbered by run, "
            "optima as stars.",
            figure,
        )


def heat_maps(results: Results) -> Iterator[Drawing]:
    """Explosion rate over two settings, for X and Y."""
    judged = results.judged
    known = results.trials.loc[judged["key"].cat.categories]
    varied = [path for path in configurations.telling_columns(known) if path != "mine.pairs"]
    pairs = list(itertools.combinations(varied, 2))
    if len(pairs) > MOST_PANELS:  # those that most values of both were run for
        counts = [len(known[list(pair)].astype(str).drop_duplicates()) for pair in pairs]
        pairs = [pairs[place] for place in sorted(np.argsort(counts, kind="stable")[-MOST_PANELS:])]
    if not pairs:
        other = "mine.noise_std" if varied != ["mine.noise_std"] else "mine.hidden_units"
        pairs = [(varied[0] if varied else "mine.architecture", other)]
    for number, (rows, columns) in enumerate(pairs, 1):
        names = [name for name in "XY" if name in judged["variable"].cat.categories]
        figure, axes = layout.panels(len(names), columns=2, size=(3.8, 2.9), shared=False)
        for ax, variable in zip(axes, names, strict=True):
            shares, texts = explosion_grid(results, judged["variable"] == variable, rows, columns)
            plots.explosion_heat_map(ax, shares, texts, f"pairs with {variable}")
        short = f"{short_name(rows)} and {short_name(columns)}"
        layout.finish(figure, f"Explosion by {short}")
        yield Drawing(
            f"explosion_{number}",
            f"Share of fits that exploded, by {short}, all other settings together; brackets are 95 % intervals over "
            "the n seeds.",
            figure,
        )


def explosion_grid(results: Results, chosen: pd.Series, rows: str, columns: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Share of exploded fits over two fields, all other settings together, and the text of each cell."""
    fits = results.configured(results.judged.loc[chosen, ["key", "outcome"]], [rows, columns, "seed"])
    place = [fits[rows].astype(object).fillna(np.inf), fits[columns].astype(object).fillna(np.inf)]  # "all" last
    per_seed = (fits["outcome"] == "exploded").astype(float).groupby([*place, fits["seed"]]).mean().unstack()
    found = intervals.of_shares(per_seed)
    span = [
        f"\n[{100 * low:.0f}, {100 * high:.0f}]" if low == low else "" for low, high in found[["low", "high"]].values
    ]
    texts = [
        f"{100 * mean:.0f} %{one}\nn = {n}" for mean, one, n in zip(found["mean"], span, found["seeds"], strict=True)
    ]
    shares, words = found["mean"].unstack(), pd.Series(texts, found.index, dtype=object).unstack().fillna("")
    for frame in (shares, words):
        frame.index = pd.Index([setting(one) for one in frame.index], name=short_name(rows))
        frame.columns = pd.Index([setting(one) for one in frame.columns], name=short_name(columns))
    return shares, words


def truths(results: Results) -> Iterator[Drawing]:
    """Settled estimates against their truths."""
    judged = results.judged
    names = [name for name in "XY" if name in judged["variable"].cat.categories]
    settled = judged[judged["outcome"] == "settled"]
    if settled.empty:
        return
    settled = settled.assign(layer=settled["pair"].astype(str).str[2:])
    styles = layout.layer_styles(configurations.layers(results.trials))
    figure, axes = layout.panels(len(names), columns=2, size=(3.6, 3.6), shared=False)
    for ax, variable in zip(axes, names, strict=True):
        points = settled[settled["variable"] == variable]
        limit = float(judged.loc[judged["variable"] == variable, "ceiling"].max())
        # Beyond some thousands markers cover each other.
        shown = points.sample(min(len(points), 3000), random_state=0)
        plots.estimate_against_truth(ax, shown, limit, VerdictRule().bias_ratio, styles, f"I({variable};L)")
    layout.finish(figure, "Settled estimates against the truth", first=styles)
    yield Drawing(
        "truth",
        f"Every settled fit's estimate against its truth ({len(settled)} of {len(judged)} fits settled; at most 3,000 "
        "a panel are drawn). Between the dotted lines an estimate is within the factor of the bias verdict.",
        figure,
    )


def explosions(results: Results) -> Iterator[Drawing]:
    """Curves of exploded fits, a panel for each of the configurations that explode most."""
    drawn = results.once(fit_curves.collect).drawn
    drawn = drawn[drawn["outcome"] == "exploded"]
    of_fit = results.configured(results.judged[["key", "outcome"]], ["configuration"])
    shares = (of_fit["outcome"] == "exploded").groupby(of_fit["configuration"]).mean().sort_values(ascending=False)
    styles = layout.layer_styles(configurations.layers(results.trials))
    for variable in "XY":
        exploded = drawn[drawn["variable"] == variable]
        panels = [one for one in shares.index if (exploded["configuration"] == one).any()][:MOST_PANELS]
        if not panels:
            continue
        figure, axes = layout.panels(len(panels), columns=2, size=(3.6, 2.7))
        for ax, one in zip(axes, panels, strict=True):
            part = exploded[exploded["configuration"] == one]
            # More would cover each other; at even distances, so that early and late ones are there.
            part = part.iloc[:: 1 + len(part) // MOST_CURVES].sort_values(["key", "run", "replicate"])
            part = part.assign(layer=part["pair"].str[2:])
            title = layout.wrapped(configurations.label(results.trials, part["key"].iloc[0]))
            plots.exploded_curves(ax, part, float(part["ceiling"].max()), styles, title)
        layout.finish(figure, f"Fits that exploded, I({variable};L)", first=styles)
        yield Drawing(
            f"exploded_{variable}",
            f"Bounds of exploded fits for {variable}, a cross where the verdict fell; the configurations with the "
            "largest shares. The axis is logarithmic above 1 nat; a curve ends where it is no longer finite.",
            figure,
        )


def of_bounds(results: Results) -> Iterator[Drawing]:
    """Estimate and optimum against the truth, a panel per bound."""
    fits = results.configured(results.judged, ["mine.bound"])
    names = fits.loc[fits["estimate"].notna(), "mine.bound"].astype(str).unique()
    if len(names) < 2:
        return
    figure, axes = layout.panels(len(names), columns=3, size=(2.6, 2.4))
    for ax, name in zip(axes, names, strict=True):
        plots.beside_optima(ax, fits[fits["mine.bound"] == name], float(fits["truth"].max()), name)
    layout.finish(figure, "Estimate and optimum against the truth")
    yield Drawing(
        "bounds",
        "Estimates (by outcome) and optima (rings) against the truth, by bound; right on the grey line. What is not "
        "finite, or above one and a half times the largest truth, is not drawn.",
        figure,
    )


FIGURES: Mapping[str, Figure] = {
    "learning": Figure(learning, "learning curves: no curve of a completed trial was found"),
    "plane": Figure(information_planes, "information planes: no completed trial has pairs of both X and Y"),
    "explosion": Figure(heat_maps, "explosion: no fit of a completed trial was found"),
    "truth": Figure(truths, "estimates against truths: no fit settled"),
    "bounds": Figure(of_bounds, ""),  # of studies that vary the bound alone
    "exploded": Figure(explosions, "exploded curves: no curve of an exploded fit was found"),
}
"""The kinds of figures, each a description, in the order of the report: to add one, add it here."""

NAMES = re.compile(rf"({'|'.join(FIGURES)})(_\w+)?\.(svg|png)")
"""Files that a report's figures are written to."""


def missing(drawn: Iterable[str]) -> list[str]:
    """What a report has no figure of, and why, in a sentence for each kind.

    >>> missing(["learning_1", "plane_1", "explosion_1", "truth"])
    ['No figure of exploded curves: no curve of an exploded fit was found.']

    Args:
        drawn: names of the drawings that were made.
    """
    kinds = {name.split("_")[0] for name in drawn}
    return [
        f"No figure of {figure.missing}." for kind, figure in FIGURES.items() if figure.missing and kind not in kinds
    ]
