"""The tables of docs/reproduction.md are what its commands make from the committed results."""

from pathlib import Path

import pytest

from tests import doc_tables

DOCUMENT = Path("docs/reproduction.md")
BLOCKS = doc_tables.BLOCK.findall(DOCUMENT.read_text())


def test_the_document_has_its_tables():
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize(("command", "table"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_a_table_is_what_its_command_prints(command, table):
    assert table.startswith("|") and doc_tables.made(command) == table
