"""Tables as a terminal shows them: as many columns as its width holds, what is the same in all rows in the title."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from analysis import configurations, overview
from analysis.rendering import Column, Read, condensed, names, read
from analysis.results import Results

_WIDE = 100
"""From so many columns on there are two spaces between columns, otherwise one."""

_SETTING = 24
"""Width that the settings of a row take at most where columns would have no room otherwise; they wrap."""

_STYLES = {"exploding": "red", "too low": "yellow", "too high": "yellow", "unsettled": "magenta", "near": "green"}
"""Of verdicts, beside their words."""


def show_overview(results: Results, console: Console, first: int | None = None) -> None:
    """How the fits of each setting ended, est./truth by layer, and the answer in sentences.

    Args:
        first: settings at most.
    """
    made = results.once(overview.rows)
    every = made["configuration"].nunique()
    made = made[made["configuration"].isin(made["configuration"].unique()[:first])].reset_index(drop=True)
    layers = results.once(overview.pairs)
    layers = layers.assign(layer=[pair[2:] for _, pair in layers.index]).reset_index()
    wide = layers.pivot(index=["configuration", "variable"], columns="layer", values="per_truth")
    order = [layer for layer in configurations.layers(results.trials) if layer in wide]
    columns = [Column("variable", "of"), *map(Column, order)]
    show(made, overview.COLUMNS, overview.size(results), results, console, overview.MORE)
    wide = made.drop(columns=set(order) & set(made)).join(wide[order], on=["configuration", "variable"])
    show(wide, columns, "est./truth by layer, median", results, console)
    cut = [f"The first {first} of {every} settings; the answer is of all."] if first and first < every else []
    say([overview.SAID, *cut], console)
    console.print()
    console.print(Text(overview.answer(results), "bold"))


def show(
    rows: pd.DataFrame,
    columns: Sequence[Column],
    title: str,
    results: Results,
    console: Console,
    late: Sequence[str] = (),
) -> None:
    """A table; what is the same in all rows is in its title, what there is no room for is named under it.

    Args:
        columns: those to show, in order, behind the settings.
        late: those that come after all others where there is room, in this order.
    """
    paths = [path for path in configurations.shown_columns(results.trials) if path in rows]
    wanted = [*paths, *(name for name in names(columns) if name in rows)]
    kept, same = condensed(list(read(rows[wanted], columns)))
    settings = [one for one in kept if one.name in paths]
    others = [one for one in kept if one.name not in paths]
    heading = ", ".join(one.heading for one in settings)
    texts = [", ".join(cells) for cells in zip(*(one.cells for one in settings), strict=True)] or [""] * len(rows)
    gap = 1 + (console.width >= _WIDE)
    least = max(_widest(heading.split()), min(_SETTING, _widest(texts)))
    room, fitting = console.width - least, set()
    for one in sorted(others, key=lambda one: late.index(one.name) if one.name in late else -1):
        if (room := room - _width(one) - gap) >= 0:
            fitting.add(one.heading)
    say([title, f"In every row: {', '.join(same)}."][: 1 + bool(same)], console)
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    shown = [one for one in others if one.heading in fitting]
    if settings:
        grid.add_column(heading, max_width=max(_widest(texts), len(heading)) if len(heading) - least <= room else least)
    for one in shown:
        justify: Any = "right" if pd.api.types.is_numeric_dtype(one.values) else "left"
        grid.add_column(one.heading, justify=justify, width=_width(one))
    starts = [place for place, text in enumerate(texts) if place == 0 or text != texts[place - 1]]
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):  # a setting's lines are one row
        cells = [[Text(text, _STYLES.get(text, "")) for text in one.cells[start:end]] for one in shown]
        grid.add_row(*texts[start : start + bool(settings)], *(Text("\n").join(lines) for lines in cells))
    console.print(grid)
    if left := [one.heading for one in others if one.heading not in fitting]:
        say([f"Not shown for want of room: {', '.join(left)} (--all)."], console)
    console.print()


def say(sentences: Sequence[str], console: Console) -> None:
    """Sentences, each from a new line, as wide as the console."""
    for sentence in sentences:
        console.print(Text(sentence))


def _width(column: Read) -> int:
    return max(_widest(column.heading.split()), _widest(column.cells))


def _widest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)
