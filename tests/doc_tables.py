"""The tables in documents, each under a comment with the command that makes it.

    python -m tests.doc_tables docs/reproduction.md     # makes them again, in place

A block is a comment `<!-- mine-study table ... -->`, a blank line and a markdown table, without the notes under it.
Where the results that it is of are not there yet, or no such trial is among them, it has no table. A comment
`<!-- 80 columns: mine-study table ... -->` has what a terminal of that width shows, as a fenced text.
"""

import contextlib
import io
import os
import re
import shlex
import sys
from pathlib import Path

import tyro

from study.commands import results
from trainables.errors import InputError

BLOCK = re.compile(r"<!-- mine-study (table [^>]*?) -->\n\n((?:\|[^\n]*\n)*)(?:\n|\Z)?")

SCREEN = re.compile(r"<!-- (\d+) columns: mine-study (table [^>]*?) -->\n\n```text\n(.*?)```\n", re.DOTALL)

_NOT_THERE = ("holds no trials", "no such trial is here")


def made(arguments: str) -> str:
    """The table that a command prints, without its notes; empty where there are no results of it.

    Raises:
        InputError: if the command fails for another reason.
    """
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            tyro.cli(results.table, args=shlex.split(arguments)[1:])
    except InputError as error:
        if not any(said in str(error) for said in _NOT_THERE):
            raise
    return "".join(f"{line}\n" for line in printed.getvalue().splitlines() if line.startswith("|"))


def screen(width: int, arguments: str) -> str:
    """What a command shows on a terminal of this width."""
    printed, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    try:
        with contextlib.redirect_stdout(printed):
            tyro.cli(results.table, args=[*shlex.split(arguments)[1:], "--format", "terminal"])
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    return "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())


def remake(path: Path) -> int:
    """Write a document's tables again; how many it has."""

    def block_with_table(block: re.Match[str]) -> str:
        table = made(block[1])
        return f"<!-- mine-study {block[1]} -->\n\n" + (f"{table}\n" if table else "")

    def shown(block: re.Match[str]) -> str:
        return f"<!-- {block[1]} columns: mine-study {block[2]} -->\n\n```text\n{screen(int(block[1]), block[2])}```\n"

    text, count = BLOCK.subn(block_with_table, path.read_text())
    text, screens = SCREEN.subn(shown, text)
    path.write_text(text.rstrip("\n") + "\n")
    return count + screens


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{name}: {remake(Path(name))} tables")
