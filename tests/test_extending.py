"""docs/extending.md: every diff applies to one file (a setting's to two), and its commands use what it adds."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SECTION = re.compile(
    r"## (?P<title>[^\n]+)\n.*?```diff\n(?P<diff>.*?)```.*?```console\n(?P<commands>.*?)```", re.DOTALL
)
SECTIONS = [match.groupdict() for match in SECTION.finditer(Path("docs/extending.md").read_text())]
SAID = {
    "A network": "X;conv", "A data set": "epoch", "A bound": "noise_std",
    "A setting": "Only trials with weight_decay=0.1", "A table": "variable", "A figure": "report.html",
}  # fmt: skip
"""What the last command prints."""

RUN = """
import json, sys
from study import cli
for arguments in json.loads(sys.argv[1]):
    try:
        cli.main(arguments)
    except SystemExit as ended:
        assert not ended.code, arguments
"""
"""Commands one after another, in one process: importing torch takes longer than most of them."""


def test_every_kind_is_shown():
    assert [section["title"] for section in SECTIONS] == list(SAID)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section["title"])
def test_a_diff_touches_the_file_that_the_page_says_and_works(section, tmp_path):
    files = re.findall(r"^\+\+\+ b/(\S+)", section["diff"], re.MULTILINE)
    assert len(files) == (2 if section["title"] == "A setting" else 1)
    for package in ("study", "trainables", "analysis"):
        shutil.copytree(package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs" / "example").mkdir(parents=True)
    (tmp_path / "docs" / "example" / "results").symlink_to(Path("docs/example/results").absolute())
    (tmp_path / "change.diff").write_text(section["diff"])
    subprocess.run(["git", "apply", "--unsafe-paths", "change.diff"], cwd=tmp_path, check=True)
    commands = [shlex.split(command.removeprefix("$ ")) for command in section["commands"].strip().splitlines()]
    assert {program for program, *_ in commands} == {"mine-study"}
    given = json.dumps([arguments for _, *arguments in commands])
    ended = subprocess.run(
        [sys.executable, "-c", RUN, given], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert SAID[section["title"]] in ended.stdout
    if section["title"] == "A figure":
        assert (tmp_path / "OUT" / "figures" / "accuracy.png").is_file()
