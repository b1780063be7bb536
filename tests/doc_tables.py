"""The tables in documents, each under a comment with the command that makes it.

    python -m tests.doc_tables docs/reproduction.md     # makes them anew, in place

A block is a comment `<!-- mine-study table ... -->`, a blank line and a markdown table, without the notes under it.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"<!-- mine-study (table [^>]*?) -->\n\n((?:\|[^\n]*\n)*)")


def made(arguments: str) -> str:
    """The table that a command prints, without its notes."""
    command = [sys.executable, "-m", "study.cli", *shlex.split(arguments)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "".join(f"{line}\n" for line in printed.splitlines() if line.startswith("|"))


def remake(path: Path) -> int:
    """Write a document's tables anew; how many it has."""

    def block_with_table(block: re.Match[str]) -> str:
        first = "" if block[2] else "\n"  # a table made for the first time must not run into the text below
        return f"<!-- mine-study {block[1]} -->\n\n{made(block[1])}{first}"

    text, count = BLOCK.subn(block_with_table, path.read_text())
    path.write_text(text)
    return count


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{name}: {remake(Path(name))} tables")
