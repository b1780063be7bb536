"""The map of a study: est./truth by setting and pair, each cell a link to its curves."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import configurations, overview
from analysis.rendering import Column
from analysis.results import Results
from trainables.settings import setting, short_name


@dataclass(frozen=True)
class Chart:
    """est./truth by setting (a line) and pair (a column).

    Attributes:
        settings: which fields a line is named by, and in words those that are the same in all.
        rows: a setting's values, itself in words, and its cells: text, class, what hovering shows, the curves' anchor.
    """

    settings: tuple[str, str]
    pairs: list[str]
    rows: list[tuple[str, str, list[tuple[str, str, str, str]]]]


def draw(results: Results) -> Chart:
    """The chart of a study; without lines where no trial completed."""
    if results.judged.empty:
        return Chart(("", ""), [], [])
    trials, found = results.trials, results.once(overview.pairs)
    there = found.index.get_level_values("pair")
    pairs = [pair for pair in configurations.pairs(trials) if pair in set(there)]
    done = trials[trials["configuration"].isin(found.index.get_level_values(0))]
    done = done.sort_values(configurations.varied_columns(trials)).drop_duplicates("configuration")
    varied = [path for path in configurations.telling_columns(done) if path != "mine.pairs"]
    varied = varied or list(configurations.ALWAYS_SHOWN)
    lines = [
        (
            ", ".join(setting(value) for value in one[varied]),
            configurations.label(trials, str(key)),
            [_cell(results, found, one["configuration"], pair) for pair in pairs],
        )
        for key, one in done.iterrows()
    ]
    same = [path for path in configurations.ALWAYS_SHOWN if path not in varied]
    names = ", ".join(map(short_name, varied))
    return Chart((names, configurations.in_words(done.iloc[0], same)), pairs, lines)


def _cell(results: Results, found: pd.DataFrame, configuration: str, pair: str) -> tuple[str, str, str, str]:
    """A cell of the map: a cross where a quarter exploded, a tilde where fewer than half of the fits ended."""
    if (configuration, pair) not in found.index:
        return "", "none", "not estimated", ""
    one: Any = found.loc[(configuration, pair)]
    rule = results.rule
    ratio = one["per_truth"]
    exploding, moving = one["exploded"] >= rule.exploding_share, one["ended"] < rule.ended_share
    mark = "\u2715 " if exploding else "~" if moving else ""
    text = mark + Column("").cell(ratio)
    (word,) = overview.verdicts(pd.Series([0.0]), pd.Series([1.0]), pd.Series([ratio]), rule)
    kind = {"too low": f"low{min(3, int(3 * max(0, ratio) * rule.bias_ratio) + 1)}"}.get(word, word.replace("too ", ""))
    about = (
        f"{pair}: estimate {one['estimate']:.2f}, truth {one['truth']:.2f} nats; {100 * one['exploded']:.0f} % "
        f"exploded, {100 * one['ended']:.0f} % settled, stuck or collapsed"
    )
    return text or "\u2013", kind or ("" if text else "none"), about, f"c-{configuration}-{pair.replace(';', '-')}"
