"""What a results folder holds: `mine-study status`, `table`, `curves`, `report`; and `compact`, which packs it."""

import math
import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import tyro

from trainables.errors import require
from trainables.sentences import counted
from trainables.settings import InputError


def status(results: tyro.conf.Positional[str]) -> int:
    """Print the state of the sweeps of a results folder, while they run or afterwards.

    Args:
        results: Folder or URI that a sweep writes or wrote.
    """
    from study.status import report as text_on

    print(text_on(results))
    return 0


def table(
    results: tyro.conf.Positional[str],
    which: str = "stability",
    format: Literal["markdown", "csv", "latex"] = "markdown",  # noqa: A002  # the flag's name
    thresholds: float = 1.0,
    field: str | None = None,
    where: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    first: int | None = None,
) -> int:
    """Print a table of a results folder; the stability table if none is named.

    Args:
        results: Folder or URI that a trial or a sweep wrote.
        which: Which table.
        format: How to print it; csv has every column.
        thresholds: Factor on the verdict rule's thresholds, such as 0.5 or 2, for tables that judge fits.
        field: differences: of this field alone, such as noise_std.
        where: Only the trials with this value, such as noise_std=0.3; may be given several times.
        first: Only so many rows, from the top.
    """
    from analysis import rendering, tables
    from trainables.verdict import VerdictRule

    require(0 < thresholds < math.inf, "thresholds", thresholds, "a finite number above 0")
    require(first is None or first >= 1, "first", first, "at least 1")
    judges = which not in tables.TABLES or tables.TABLES[which].judges
    unused = {"field": field is not None and which != "differences", "thresholds": thresholds != 1 and not judges}
    for name, is_unused in unused.items():
        if is_unused:
            raise InputError(f"{name} is given; it must be left out for the table {which!r}, which does not use it.")
    rows, notes = tables.build(which, results, VerdictRule().scaled(thresholds), field, where)
    shown = rows.head(len(rows) if first is None else first)
    if len(shown) < len(rows):
        notes.insert(0, f"The first {len(shown)} of {len(rows)} rows.")
    if thresholds != 1:
        notes.insert(0, f"Thresholds are {thresholds:g} times the committed rule's.")
    print(rendering.render(shown, tables.TABLES[which].columns, format), end="")
    if format == "markdown":
        print("\n" + "\n".join(notes))
    else:  # so that the table is alone in a file or a pipe
        print("\n".join(notes), file=sys.stderr)
    return 0


def compact(results: tyro.conf.Positional[str]) -> int:
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


def report(results: tyro.conf.Positional[str], out: str) -> int:
    """Write the report: one HTML page with all tables and figures, and the figures as SVG and PNG.

    Args:
        results: Folder or URI that a trial or a sweep wrote.
        out: Folder for report.html, figures/ and tables/.
    """
    from analysis import report as reporting

    print(f"report: {reporting.write(results, out)}")
    return 0


def curves(results: tyro.conf.Positional[str], pair: str | None = None, out: str = "curves.png") -> int:
    """Draw a pair's learning curves, a panel for each configuration: which explode, which settle.

    Args:
        results: Folder or URI that a trial or a sweep wrote.
        pair: Pair to draw, variable;layer; None: the first of the results.
        out: Picture to write; its ending names the kind (.svg, .png, .pdf, .jpg).
    """
    from analysis import Results, pair_curves

    found = Results(results)
    try:
        print(f"curves: {pair_curves.save(pair_curves.draw(found, pair), out)}")
    finally:
        tell(found.problems)  # also where too little is left to draw
    return 0


def name_tables() -> None:
    """Give the help of `table` the tables there are; only then, since they take pandas."""
    from analysis.tables import TABLES

    about = "; ".join(f"{name}: {one.about}" for name, one in TABLES.items())
    kind = Literal[tuple(TABLES)]  # type: ignore[valid-type]  # a Literal of a constant
    table.__annotations__["which"] = Annotated[kind, tyro.conf.arg(help=f"{about}.")]


def tell(problems: Sequence[str], left_out: str = "Not read") -> None:
    """Name files that were left out, on standard error."""
    print("".join(f"{left_out}: {problem}\n" for problem in problems), end="", file=sys.stderr)
