"""Small curves of every configuration and pair, as the points of SVG paths: many fits on a page of few megabytes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import configurations, layout
from trainables.verdict import OUTCOMES

WIDTH, HEIGHT = 150, 80
"""Size of a small picture's inside, in SVG units."""

POINTS = 24
"""Epochs of a curve that are drawn, at most."""

_ROOM = 1.4
"""The top of a small picture, in ceilings."""


@dataclass(frozen=True)
class Spark:
    """The curves of one pair: by verdict an SVG path; heights of the known answers, None where above the top."""

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


def draw(trials: pd.DataFrame, judged: pd.DataFrame, sampled: pd.DataFrame) -> list[Block]:
    """The small curves of a study, by configuration.

    >>> from analysis import curve_samples, frames, judging
    >>> source = "docs/example/results"
    >>> trials, fits = frames.trials(source), judging.judge(judging.fits(source))
    >>> blocks = draw(trials, fits, curve_samples.collect(source, trials, fits)[0])
    >>> len(blocks) == trials["configuration"].nunique(), len(blocks[0].sparks)
    (True, 8)

    Args:
        trials, judged: as `frames.trials` and `judging.judge` return them.
        sampled: as `curve_samples.collect` returns them.
    """
    if judged.empty or sampled.empty:
        return []
    configuration = trials["configuration"].reindex(judged["key"].cat.categories).to_numpy()
    of_fit = configuration[judged["key"].cat.codes]
    known = judged.groupby([of_fit, judged["pair"].astype(str)])[["ceiling", "truth", "optimum"]].mean()
    counts = judged.groupby([of_fit, judged["pair"].astype(str)])["outcome"].value_counts().unstack(fill_value=0)
    sampled = sampled.sort_values(["fit", "mine_epoch"], kind="stable")
    cells = dict(list(sampled.groupby(["configuration", "pair"])))
    blocks = []
    done = trials.loc[judged["key"].cat.categories].sort_values(configurations.varied_columns(trials))
    for one in done["configuration"].unique():
        group = trials[trials["configuration"] == one]
        sparks = [
            _spark(one, pair, cells[one, pair], known.loc[(one, pair)], counts.loc[(one, pair)])
            for pair in configurations.pairs(trials)
            if (one, pair) in cells
        ]
        seeds = ", ".join(map(str, sorted(group["seed"])))
        blocks.append(Block(f"c-{one}", configurations.label(trials, group.index[0]), seeds, sparks))
    return blocks


def _spark(configuration: str, pair: str, curves: pd.DataFrame, known: pd.Series, counts: pd.Series) -> Spark:
    top = _ROOM * (known["ceiling"] or 1.0)  # 0 where all samples or labels are the same
    last = curves["mine_epoch"].max()
    wanted = np.unique(np.linspace(1, last, min(POINTS, last)).round().astype(int))
    thin = curves[curves["mine_epoch"].isin(wanted)]
    x = (thin["mine_epoch"] - 1) / max(1, last - 1) * WIDTH
    bound = thin["bound"].to_numpy(float)
    # A curve leaves through the top or the bottom and is drawn along it; NaN breaks it.
    y = HEIGHT * (1 - np.clip(bound / top, -0.1, 1.0) / 1.0)
    paths = []
    for verdict in OUTCOMES[::-1]:
        of_verdict = (thin["outcome"] == verdict).to_numpy()
        if of_verdict.any():
            text = _path(x[of_verdict].to_numpy(), y[of_verdict], thin["fit"][of_verdict].to_numpy())
            paths.append((verdict, text))
    lines = [
        (name, round(HEIGHT * (1 - float(known[name]) / top), 1))
        for name in layout.LINES
        if np.isfinite(known[name]) and known[name] < top
    ]
    parts = ", ".join(f"{counts.get(name, 0)} {name}" for name in OUTCOMES if counts.get(name, 0))
    lines_at = ", ".join(f"{name} {known[name]:.2f}" for name in ("ceiling", "truth", "optimum"))
    title = f"{pair}: {parts}; {lines_at}"
    return Spark(pair, f"c-{configuration}-{pair.replace(';', '-')}", title, paths, lines)


def _path(x: np.ndarray, y: np.ndarray, fit: np.ndarray) -> str:
    """Polylines as one SVG path; a new line begins with a new fit and after a missing value."""
    there = np.isfinite(y)
    new = np.r_[True, (fit[1:] != fit[:-1]) | ~there[:-1]]
    alone = new & np.r_[new[1:] | ~there[1:], True]  # a line without length, which has round ends, is a dot
    return "".join(
        f"{'M' if start else 'L'}{a:.0f} {b:.0f}{'h0' if single else ''}"
        for a, b, start, single, known in zip(x, y, new, alone, there, strict=True)
        if known
    )
