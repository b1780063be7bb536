"""Small curves of every configuration and pair, as the points of SVG paths: many fits on a page of few megabytes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import configurations, fit_curves, layout
from analysis.results import Results
from trainables.verdict import OUTCOMES

WIDTH, HEIGHT = 150, 80
"""Size of a small picture's inside, in SVG units."""

POINTS = 24
"""Epochs of a curve that are drawn, at most."""

_ROOM = 1.4
"""The top of a small picture, in ceilings."""


@dataclass(frozen=True)
class Spark:
    """The curves of one pair: by outcome an SVG path; heights of the known answers that are below the top."""

    pair: str
    anchor: str
    title: str
    paths: list[tuple[str, str]]
    lines: list[tuple[str, float]]


@dataclass(frozen=True)
class Block:
    """A configuration with its pairs."""

    anchor: str
    label: str
    seeds: str
    sparks: list[Spark]


def draw(results: Results) -> list[Block]:
    """The small curves of a study, by configuration."""
    trials, drawn = results.trials, results.once(fit_curves.collect).drawn
    fits = results.configured(results.judged, ["configuration"]).astype({"pair": str})
    place = ["configuration", "pair"]
    known = fits.groupby(place)[["ceiling", "truth", "optimum"]].mean()
    counts = fits.groupby(place)["outcome"].value_counts().unstack(fill_value=0)
    of_cell = dict(list(drawn.sort_values(["key", "run", "replicate"]).groupby(place)))
    blocks = []
    done = trials.loc[trials.index.isin(drawn["key"])].sort_values(configurations.varied_columns(trials))
    for one in done["configuration"].unique():
        group = trials[trials["configuration"] == one]
        sparks = [
            _spark(one, pair, of_cell[one, pair], known.loc[(one, pair)], counts.loc[(one, pair)])
            for pair in configurations.pairs(trials)
            if (one, pair) in of_cell
        ]
        seeds = ", ".join(map(str, sorted(group["seed"])))
        blocks.append(Block(f"c-{one}", configurations.label(trials, group.index[0]), seeds, sparks))
    return blocks


def _spark(configuration: str, pair: str, fits: pd.DataFrame, known: pd.Series, counts: pd.Series) -> Spark:
    top = _ROOM * (known["ceiling"] or 1.0)  # 0 where all samples or labels are the same
    bound = np.stack(list(fits["curve"]))
    last = bound.shape[1]
    wanted = np.unique(np.linspace(1, last, min(POINTS, last)).round().astype(int))
    x = (wanted - 1) / max(1, last - 1) * WIDTH
    # A curve leaves through the top or the bottom and is drawn along it; NaN breaks it.
    y = HEIGHT * (1 - np.clip(bound[:, wanted - 1] / top, -0.1, 1.0))
    of_outcome = {name: y[fits["outcome"] == name] for name in OUTCOMES[::-1]}
    paths = [(name, "".join(_path(x, curve) for curve in part)) for name, part in of_outcome.items() if len(part)]
    lines = [
        (name, round(HEIGHT * (1 - float(known[name]) / top), 1))
        for name in layout.LINES
        if np.isfinite(known[name]) and known[name] < top
    ]
    parts = ", ".join(f"{counts.get(name, 0)} {name}" for name in OUTCOMES if counts.get(name, 0))
    lines_at = ", ".join(f"{name} {known[name]:.2f}" for name in ("ceiling", "truth", "optimum"))
    title = f"{pair}: {parts}; {lines_at}"
    return Spark(pair, f"c-{configuration}-{pair.replace(';', '-')}", title, paths, lines)


def _path(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """A curve as an SVG path; a new line begins after a missing value."""
    there = np.isfinite(y)
    new = np.r_[True, ~there[:-1]]
    alone = new & np.r_[~there[1:], True]  # a line without length, which has round ends, is a dot
    return "".join(
        f"{'M' if start else 'L'}{a:.0f} {b:.0f}{'h0' if single else ''}"
        for a, b, start, single, known in zip(x, y, new, alone, there, strict=True)
        if known
    )
