"""The tables in the documents are what their commands make from the committed results."""

import re
from pathlib import Path

import pytest

from tests import doc_tables
from trainables.errors import InputError

BLOCKS = [
    (path.name, command, table)
    for path in (Path("README.md"), *sorted(Path("docs").glob("*.md")))
    for command, table in doc_tables.BLOCK.findall(path.read_text())
]

SCREENS = [block for path in Path("docs").glob("*.md") for block in doc_tables.SCREEN.findall(path.read_text())]


@pytest.mark.parametrize(("width", "command", "shown"), SCREENS, ids=[block[0] for block in SCREENS])
def test_a_screen_is_what_its_terminal_shows(width, command, shown):
    assert doc_tables.screen(int(width), command) == shown
    assert max(map(len, shown.splitlines())) <= int(width)


def test_the_lines_in_the_readme_are_of_its_terminal():
    part = r"<!-- of (\d+) columns: mine-study (table [^>]*?) -->\n\n```text\n(.*?)```"
    parts = re.findall(part, Path("README.md").read_text(), re.DOTALL)
    assert parts
    for width, command, shown in parts:
        assert set(shown.splitlines()) <= set(doc_tables.screen(int(width), command).splitlines())


def test_there_are_tables():
    assert BLOCKS and {width for width, *_ in SCREENS} == {"80", "120", "200"}


@pytest.mark.parametrize(("document", "command", "table"), BLOCKS, ids=[f"{block[0]}: {block[1]}" for block in BLOCKS])
def test_a_table_is_what_its_command_prints(document, command, table):
    assert doc_tables.made(command) == table
    assert table or command.startswith("table results/paper ")  # whose rows come as its sweep makes them


def test_an_outdated_table_is_made_anew(tmp_path):
    document = tmp_path / "document.md"
    command = "<!-- mine-study table docs/example/results --which accuracy -->"
    document.write_text(f"before\n\n{command}\n\n| old |\n\nafter\n")
    assert doc_tables.remake(document) == 1
    text = document.read_text()
    assert text.startswith(f"before\n\n{command}\n\n| epoch") and text.endswith("|\n\nafter\n") and "old" not in text


def test_a_table_without_its_results_goes_and_comes(tmp_path, monkeypatch):
    document = tmp_path / "document.md"
    command = "<!-- mine-study table results/none -->"
    document.write_text(f"before\n\n{command}\n\n| old |\n\nafter\n")
    for _ in range(2):
        assert doc_tables.remake(document) == 1
        assert document.read_text() == f"before\n\n{command}\n\nafter\n"
    monkeypatch.setattr(doc_tables, "made", lambda arguments: "| new |\n")
    for _ in range(2):
        doc_tables.remake(document)
        assert document.read_text() == f"before\n\n{command}\n\n| new |\n\nafter\n"


def test_a_command_that_is_wrong_is_no_missing_table():
    with pytest.raises(InputError, match="it must be at least 1"):
        doc_tables.made("table docs/example/results --first 0")
