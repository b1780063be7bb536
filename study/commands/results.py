"""What a results folder holds: `mine-study status`, `table`, `curves`, `report`; and `compact`, which packs it."""

import math
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import tyro

from trainables.errors import require
from trainables.sentences import counted
from trainables.settings import InputError

Folder = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RESULTS")]

Where = tyro.conf.UseAppendAction[tuple[Annotated[str, tyro.conf.arg(metavar="FIELD=VALUE")], ...]]


def status(results: Folder) -> int:
    """Print the state of the sweeps of a results folder, while they run or afterwards.

    Args:
        results: Folder or URI that a sweep writes or wrote.
    """
    from study.status import report as text_on

    print(text_on(results))
    return 0


def table(
    results: Folder,
    which: str = "stability",
    format: Literal["terminal", "markdown", "csv", "latex"] | None = None,  # noqa: A002  # the flag's name
    all: tyro.conf.FlagCreatePairsOff[bool] = False,  # noqa: A002
    thresholds: float = 1.0,
    field: str | None = None,
    where: Where = (),
    first: int | None = None,
) -> int:
    """Print a table of a results folder; the stability table if none is named.

    For example:
      mine-study table results/demo
      mine-study table results/demo --where noise_std=1 --which pairs
      mine-study table results/demo --format csv > stability.csv

    Args:
        results: Folder or URI that a trial or a sweep wrote.
        which: Which table.
        format: How to print it; None: on a terminal what its width holds, otherwise markdown. csv has every column.
        all: Every column, as markdown.
        thresholds: Factor on the verdict rule's thresholds, such as 0.5 or 2, for tables that judge fits.
        field: differences: of this field alone, such as noise_std.
        where: Only the trials with this value, such as noise_std=0.3; may be given several times.
        first: Only so many rows, on a terminal settings, from the top.
    """
    from analysis import Results, rendering, tables
    from trainables.verdict import VerdictRule

    require(0 < thresholds < math.inf, "thresholds", thresholds, "a finite number above 0")
    require(first is None or first >= 1, "first", first, "at least 1")
    one = tables.find(which)
    unused = {"field": field is not None and which != "differences", "thresholds": thresholds != 1 and not one.judges}
    for name, is_unused in unused.items():
        if is_unused:
            raise InputError(f"{name} is given; it must be left out for the table {which!r}, which does not use it.")
    found = Results(results, VerdictRule().scaled(thresholds), where)
    rows, notes = tables.made(found, which, field)
    scaled = [f"Thresholds are {thresholds:g} times the committed rule's."] if thresholds != 1 else []
    kind = format or ("terminal" if sys.stdout.isatty() and not all else "markdown")
    if kind == "terminal":
        return _on_terminal(found, which, rows, scaled + notes, first)
    shown = rows.head(len(rows) if first is None else first)
    if len(shown) < len(rows):
        notes.insert(0, f"The first {len(shown)} of {len(rows)} rows.")
    notes = scaled + notes
    print(rendering.render(shown, one.columns, kind), end="")
    if kind == "markdown":
        print("\n" + "\n".join(notes))
    else:  # so that the table is alone in a file or a pipe
        print("\n".join(notes), file=sys.stderr)
    return 0


def _on_terminal(found: Any, which: str, rows: Any, notes: list[str], first: int | None) -> int:
    """What a terminal's width holds; of the stability table an overview with an answer, and the next command."""
    from rich.console import Console

    from analysis import tables, terminal

    console, one = Console(file=sys.stdout, soft_wrap=False), tables.TABLES[which]
    if which == "stability" and len(rows):
        about = one.said(found, rows)
        terminal.show_overview(found, console, first)
        terminal.say([note for note in notes if note not in about], console)
        print(f"\nnext: mine-study report {shlex.quote(found.source)} --out report")
        return 0
    terminal.show(rows[:first], one.columns, f"{found.source}: {which}", found, console)
    terminal.say(notes, console)
    return 0


def compact(results: Folder) -> int:
    """Merge a results folder's many small files into few; nothing is lost if it is interrupted.

    Only completed trials are merged. While a sweep writes to the folder it is refused.

    Args:
        results: Folder or URI that a trial or a sweep wrote.
    """
    from trainables.records import packing

    for done in packing.pack(results):
        print(f"{done.table}: {counted(done.files_before, 'file')} before, {done.files_after} after")
        tell(done.problems, "Not merged")
    return 0


def report(results: Folder, out: str) -> int:
    """Write the report: one HTML page with the answer, all tables and figures, and the figures as SVG and PNG.

    For example:
      mine-study report results/demo --out report

    Args:
        results: Folder or URI that a trial or a sweep wrote.
        out: Folder for report.html, figures/ and tables/.
    """
    from analysis import report as reporting

    print(f"report: {reporting.write(results, out)}")
    return 0


def curves(
    results: Folder, pair: str | None = None, out: str = "curves.png", where: Where = (), first: int | None = None
) -> int:
    """Draw a pair's learning curves, a panel for each configuration: which explode, which settle.

    For example:
      mine-study curves results/demo --pair "X;relu3" --where marginals=permutation --out curves.svg

    Args:
        results: Folder or URI that a trial or a sweep wrote.
        pair: Pair to draw, variable;layer; None: the first of the results.
        out: Picture to write; its ending names the kind (.svg, .png, .pdf, .jpg).
        where: Only the trials with this value, such as noise_std=0.3; may be given several times.
        first: Only so many configurations.
    """
    from analysis import Results, pair_curves

    require(first is None or first >= 1, "first", first, "at least 1")
    found = Results(results, where=where)
    try:
        print(f"curves: {pair_curves.save(pair_curves.draw(found, pair, first), out)}")
    finally:
        tell(found.problems)  # also where too little is left to draw
    return 0


def name_tables() -> None:
    """Give the help of `table` the tables there are; only then, since they take pandas."""
    from analysis.tables import TABLES

    about = "; ".join(f"{name}: {one.about}" for name, one in TABLES.items())
    choices = tyro.conf.arg(help=f"{about}.", metavar=f"{{{','.join(TABLES)}}}")
    table.__annotations__["which"] = Annotated[str, choices]


def tell(problems: Sequence[str], left_out: str = "Not read") -> None:
    """Name files that were left out, on standard error."""
    print("".join(f"{left_out}: {problem}\n" for problem in problems), end="", file=sys.stderr)
