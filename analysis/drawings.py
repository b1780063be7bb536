"""The figures of a study, made from its frames: which data go into which picture, and what stands under it."""

import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.figure
import numpy as np
import pandas as pd

from analysis import configurations, figure_data, figures, frames, layout, planes
from trainables.records.files import write_local
from trainables.settings import short_name
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


Draw = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame, "str | frames.Results"], Iterator[Drawing]]
"""Makes drawings of one kind, of trials, judged fits, sampled curves and the results, as `draw` takes them; of those
that there is nothing for, none."""


@dataclass(frozen=True)
class Figure:
    """A kind of figure.

    Attributes:
        draw: makes its drawings, named by the kind, where there are several with `_` and a number or letter.
        missing: what is missing where it makes none, and the one reason that there is.
    """

    draw: Draw
    missing: str


def draw(
    trials: pd.DataFrame, judged: pd.DataFrame, sampled: pd.DataFrame, results: str | frames.Results
) -> Iterator[Drawing]:
    """All figures that the study has data for.

    >>> from analysis import judging
    >>> source = "docs/example/results"
    >>> trials, fits = frames.trials(source), judging.judge(judging.fits(source))
    >>> next(draw(trials, fits, fits.iloc[:0], source)).name
    'learning_1'

    Args:
        trials: as `frames.trials` returns them.
        judged: as `judging.judge` returns them.
        sampled: curves of some fits, as `analysis.curve_samples` returns them.
        results: where whole curves are read from: a folder, or the study that was read from it.
    """
    if judged.empty:
        return
    with matplotlib.rc_context(layout.STYLE):
        for figure in FIGURES.values():
            yield from figure.draw(trials, judged, sampled, results)


def learning(trials: pd.DataFrame, judged: pd.DataFrame, results: str | frames.Results) -> Iterator[Drawing]:
    """MINE's learning curves by run, reinit and finetune side by side (the paper's Figures 1 and 2)."""
    there = judged["pair"].cat.categories
    pair = PAPER_PAIR if PAPER_PAIR in there else there[0]
    curves = frames.study(results).curves(pair, ["key", "run", "pair", "replicate", "mine_epoch", "bound"])
    if curves.empty:
        return
    drawn = trials[trials.index.isin(curves["key"].cat.categories)]
    drawn = drawn.sort_values(configurations.varied_columns(trials))
    base = pd.Series(
        [configurations.label(trials, key, ("mine.transfer_mode",)) for key in drawn.index], index=drawn.index
    )
    modes = drawn.groupby(base, sort=False)["mine.transfer_mode"].nunique()
    # Configurations with both modes first: they are what the comparison is about.
    order = modes.sort_values(ascending=False, kind="stable").index[:MOST_CONFIGURATIONS]
    for number, name in enumerate(order, 1):
        group = drawn[base == name]
        present = [mode for mode in ("reinit", "finetune") if mode in set(group["mine.transfer_mode"])]
        figure, axes = layout.panels(len(present), columns=2, size=(3.6, 3.0))
        for ax, mode in zip(axes, present, strict=True):
            keys = group.index[group["mine.transfer_mode"] == mode]
            chosen = judged[judged["key"].isin(keys) & (judged["pair"] == pair)]
            made = figure_data.runs(curves[curves["key"].isin(keys)])
            figures.run_curves(ax, made, figure_data.known_answers(chosen), f"{mode}, seeds: {len(keys)}")
        layout.finish(figure, f"I({pair[0]};{pair[2:]}): {name}")
        yield Drawing(
            f"learning_{number}",
            f"MINE's learning curves for {pair} by run, {name}: each fit (thin) and the median of each run's fits "
            "(thick, numbered), truth and optimum as means over runs. finetune continues from the run before.",
            figure,
        )


def information_planes(trials: pd.DataFrame, judged: pd.DataFrame) -> Iterator[Drawing]:
    """The paper's Figures 3 to 5, then the planes of configurations with pairs of both variables."""
    of_paper = [(f"{figure} of the paper", panels) for figure, panels in planes.of_paper(trials, judged, MOST_SEEDS)]
    others = planes.of_configurations(trials, judged, MOST_CONFIGURATIONS, MOST_SEEDS)
    made = [*of_paper, *((configurations.label(trials, key), panels) for key, panels in others)]
    styles = layout.layer_styles(configurations.layers(trials))
    for number, (name, panels) in enumerate(made, 1):
        figure, axes = layout.panels(len(panels), columns=3, size=(3.1, 3.2))
        fits = pd.concat([panel.fits for panel in panels if panel.fits is not None])
        ceilings = {str(name): float(part.mean()) for name, part in fits.groupby("variable", observed=True)["ceiling"]}
        for ax, panel in zip(axes, panels, strict=True):
            figures.information_plane(ax, panel.points, ceilings, styles, panel.title)
        there = {layer for panel in panels for layer in panel.points["layer"]}
        shown = {layer: style for layer, style in styles.items() if layer in there}
        layout.finish(figure, name, figures.plane_legend(shown))
        yield Drawing(
            f"plane_{number}",
            f"Information plane, {name}: estimates by layer, first and last run numbered (means over replicates; "
            "exploded fits left out; pale where a fit did not settle), with truths and optima as hollow markers.",
            figure,
        )


def heat_maps(trials: pd.DataFrame, judged: pd.DataFrame) -> Iterator[Drawing]:
    """Explosion rate over two settings, for X and Y."""
    known = trials.loc[judged["key"].cat.categories]
    varied = [path for path in configurations.telling_columns(known) if path != "mine.pairs"]
    pairs = list(itertools.combinations(varied, 2))
    if len(pairs) > MOST_PANELS:  # those that most values of both were run for
        cells = [len(known[list(pair)].astype(str).drop_duplicates()) for pair in pairs]
        pairs = [pairs[place] for place in sorted(np.argsort(cells, kind="stable")[-MOST_PANELS:])]
    if not pairs:
        other = "mine.noise_std" if varied != ["mine.noise_std"] else "mine.hidden_units"
        pairs = [(varied[0] if varied else "mine.architecture", other)]
    for number, (rows, columns) in enumerate(pairs, 1):
        names = [name for name in "XY" if name in judged["variable"].cat.categories]
        figure, axes = layout.panels(len(names), columns=2, size=(3.8, 2.9), shared=False)
        for ax, variable in zip(axes, names, strict=True):
            chosen = judged[judged["variable"] == variable]
            shares, texts = figure_data.explosion_grid(trials, chosen, rows, columns)
            figures.explosion_heat_map(ax, shares, texts, f"pairs with {variable}")
        short = f"{short_name(rows)} and {short_name(columns)}"
        layout.finish(figure, f"Explosion by {short}")
        yield Drawing(
            f"explosion_{number}",
            f"Share of fits that exploded, by {short}, all other settings together; brackets are 95 % intervals over "
            "the n seeds.",
            figure,
        )


def truths(trials: pd.DataFrame, judged: pd.DataFrame) -> Iterator[Drawing]:
    """Settled estimates against their truths."""
    names = [name for name in "XY" if name in judged["variable"].cat.categories]
    settled = judged[judged["outcome"] == "settled"]
    if settled.empty:
        return
    settled = settled.assign(layer=settled["pair"].astype(str).str[2:])
    styles = layout.layer_styles(configurations.layers(trials))
    figure, axes = layout.panels(len(names), columns=2, size=(3.6, 3.6), shared=False)
    for ax, variable in zip(axes, names, strict=True):
        points = settled[settled["variable"] == variable]
        limit = float(judged.loc[judged["variable"] == variable, "ceiling"].max())
        # Beyond some thousands markers cover each other.
        shown = points.sample(min(len(points), 3000), random_state=0)
        figures.estimate_against_truth(ax, shown, limit, VerdictRule().bias_ratio, styles, f"I({variable};L)")
    layout.finish(figure, "Settled estimates against the truth", first=styles)
    yield Drawing(
        "truth",
        f"Every settled fit's estimate against its truth ({len(settled)} of {len(judged)} fits settled; at most 3,000 "
        "a panel are drawn). Between the dotted lines an estimate is within the factor of the bias verdict.",
        figure,
    )


def explosions(trials: pd.DataFrame, judged: pd.DataFrame, sampled: pd.DataFrame) -> Iterator[Drawing]:
    """Curves of exploded fits, a panel for each of the configurations that explode most."""
    exploded = sampled[sampled["outcome"] == "exploded"]
    if exploded.empty:
        return
    configuration = trials["configuration"].reindex(judged["key"].cat.categories).to_numpy()
    shares = (judged["outcome"] == "exploded").groupby(configuration[judged["key"].cat.codes]).mean()
    worst = [one for one in shares.sort_values(ascending=False).index if one in set(exploded["configuration"])]
    styles = layout.layer_styles(configurations.layers(trials))
    for variable in "XY":
        chosen = exploded[exploded["pair"].astype(str).str[0] == variable]
        panels = [one for one in worst if (chosen["configuration"] == one).any()][:MOST_PANELS]
        if not panels:
            continue
        figure, axes = layout.panels(len(panels), columns=2, size=(3.6, 2.7))
        for ax, one in zip(axes, panels, strict=True):
            part = chosen[chosen["configuration"] == one]
            # More would cover each other; at even distances, so that early and late ones are there.
            fits = part["fit"].unique()
            part = part[part["fit"].isin(fits[:: 1 + len(fits) // MOST_CURVES])]
            part = part.assign(layer=part["pair"].astype(str).str[2:])
            title = layout.wrapped(configurations.label(trials, trials.index[trials["configuration"] == one][0]))
            figures.exploded_curves(ax, part, float(part["ceiling"].max()), styles, title)
        layout.finish(figure, f"Fits that exploded, I({variable};L)", first=styles)
        yield Drawing(
            f"exploded_{variable}",
            f"Bounds of exploded fits for {variable}, a cross where the verdict fell; the configurations with the "
            "largest shares. The axis is logarithmic above 1 nat; a curve ends where it is no longer finite.",
            figure,
        )


def of_bounds(trials: pd.DataFrame, judged: pd.DataFrame) -> Iterator[Drawing]:
    """Estimate and optimum against the truth, a panel per bound."""
    fits = judged.assign(bound=judged["key"].map(trials["mine.bound"]).astype(str))
    names = [name for name in fits["bound"].unique() if fits.loc[fits["bound"] == name, "estimate"].notna().any()]
    if len(names) < 2:
        return
    figure, axes = layout.panels(len(names), columns=3, size=(2.6, 2.4))
    top = float(fits["truth"].max())
    for ax, name in zip(axes, names, strict=True):
        figures.beside_optima(ax, fits[fits["bound"] == name], top, name)
    layout.finish(figure, "Estimate and optimum against the truth")
    yield Drawing(
        "bounds",
        "Estimates (filled, by outcome) and optima (rings) against the truth, by bound. On the grey line they are "
        "right. What is above one and a half times the largest truth, or not finite, is not drawn.",
        figure,
    )


FIGURES: Mapping[str, Figure] = {
    "learning": Figure(
        lambda trials, judged, sampled, results: learning(trials, judged, results),
        "learning curves: no curve of a completed trial was found",
    ),
    "plane": Figure(
        lambda trials, judged, sampled, results: information_planes(trials, judged),
        "information planes: no completed trial has pairs of both X and Y",
    ),
    "explosion": Figure(
        lambda trials, judged, sampled, results: heat_maps(trials, judged),
        "explosion: no fit of a completed trial was found",
    ),
    "truth": Figure(
        lambda trials, judged, sampled, results: truths(trials, judged),
        "estimates against truths: no fit settled",
    ),
    "bounds": Figure(
        lambda trials, judged, sampled, results: of_bounds(trials, judged),
        "bounds side by side: no two bounds have estimates",
    ),
    "exploded": Figure(
        lambda trials, judged, sampled, results: explosions(trials, judged, sampled),
        "exploded curves: no curve of an exploded fit was found",
    ),
}
"""The kinds of figures, each a description, in the order of the report: to add one, add it here."""

NAMES = re.compile(rf"({'|'.join(FIGURES)})(_\w+)?\.(svg|png)")
"""Files that a report's figures are written to."""


def missing(drawn: Iterable[str]) -> list[str]:
    """What a report has no figure of, and why, in a sentence for each kind.

    >>> missing(["learning_1", "plane_1", "explosion_1", "truth", "bounds"])
    ['No figure of exploded curves: no curve of an exploded fit was found.']

    Args:
        drawn: names of the drawings that were made.
    """
    kinds = {name.split("_")[0] for name in drawn}
    return [f"No figure of {figure.missing}." for kind, figure in FIGURES.items() if kind not in kinds]


def save(drawing: Drawing, folder: Path) -> bytes:
    """Write a drawing as SVG and PNG under its name; the SVG.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = save(Drawing("empty", "", matplotlib.figure.Figure()), Path(folder))
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['empty.png', 'empty.svg']

    Raises:
        OSError: if they cannot be written.
    """
    with matplotlib.rc_context(layout.STYLE):
        svg = picture(drawing.figure, "svg", metadata={"Date": None})
        png = picture(drawing.figure, "png", dpi=160)
    write_local(folder / f"{drawing.name}.svg", svg)
    write_local(folder / f"{drawing.name}.png", png)
    return svg


def picture(figure: matplotlib.figure.Figure, kind: str, **options: Any) -> bytes:
    """A figure as the bytes of a file of this kind (svg, png, pdf).

    >>> picture(matplotlib.figure.Figure(), "png")[1:4]
    b'PNG'
    """
    content = io.BytesIO()
    figure.savefig(content, format=kind, **options)
    return content.getvalue()
