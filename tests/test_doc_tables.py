"""The tables in the documents are what their commands make from the committed results."""

from pathlib import Path

import pytest

from tests import doc_tables

BLOCKS = [
    (path.name, command, table)
    for path in (Path("README.md"), *sorted(Path("docs").glob("*.md")))
    for command, table in doc_tables.BLOCK.findall(path.read_text())
]


def test_there_are_tables():
    assert BLOCKS


@pytest.mark.parametrize(("document", "command", "table"), BLOCKS, ids=[f"{block[0]}: {block[1]}" for block in BLOCKS])
def test_a_table_is_what_its_command_prints(document, command, table):
    assert table.startswith("|") and doc_tables.made(command) == table


def test_an_outdated_table_is_made_anew(tmp_path):
    document = tmp_path / "document.md"
    command = "<!-- mine-study table docs/example/results --which accuracy -->"
    document.write_text(f"before\n\n{command}\n\n| old |\n\nafter\n")
    assert doc_tables.remake(document) == 1
    text = document.read_text()
    assert text.startswith(f"before\n\n{command}\n\n| epoch") and text.endswith("|\n\nafter\n") and "old" not in text
