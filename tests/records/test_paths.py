"""People's text for a place, and files that are whole or not there, also where nothing can be written."""

import contextlib
import errno
import io
import resource
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.fs
import pytest

from analysis import load
from study import cli
from tests import made_results
from trainables import places, records
from trainables.records import files
from trainables.settings import InputError
from trainables.subjects import official

TINY = [
    "--data.name", "digits", "--network.epochs", "1", "--network.train-samples", "200", "--mine.samples", "100",
    "--mine.batch-size", "50", "--mine.epochs", "2", "--mine.replicates", "1", "--threads", "1",
]  # fmt: skip


@pytest.mark.parametrize("text", ["", " ", "s3://", "a\0b", "a\udcff", "~no-such-user/r"])
def test_what_is_no_place_is_refused_in_a_sentence(text):
    for function in (places.place, places.local):
        with pytest.raises(InputError, match="^out .*; it must be a"):
            function(text, "out")


def test_a_place_on_this_machine_is_absolute(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for text, place in (("~/r/", "home/r"), ("r", "r"), ("./r//x", "r/x"), ("ä b", "ä b")):
        assert places.place(text, "results") == str(tmp_path / place) == str(places.local(text, "results"))
    assert files.filesystem((tmp_path / "r").as_uri() + "/")[1] == str(tmp_path / "r")
    with pytest.raises(InputError, match="it must be a path on this machine, not a URI"):
        places.local("s3://bucket/r", "out")


def test_every_flag_expands_a_home_folder(monkeypatch, tmp_path, capsys):
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    made_results.write(str(home / "r"), {}, runs=2)
    for arguments in (["report", "~/r", "--out=~/page"], ["curves", "~/r", "--pair", "X;sm1", "--out=~/new/c.svg"],
                      ["compact", "~/r/"], ["status", "~/r"], ["trial", *TINY, "--results=~/t"]):  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 0, capsys.readouterr()
    assert (home / "page" / "report.html").exists() and (home / "new" / "c.svg").exists()
    assert (home / "t" / "trials").is_dir() and list(tmp_path.iterdir()) == [home]
    assert official.data_root("~/d") == home / "d"


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "R", "--out", ""],
        ["report", "R", "--out", "a\0b"],
        ["report", "R", "--out", "FILE"],
        ["report", "R", "--out", "FILE/below"],
        ["report", "R", "--out", "gs://bucket/page"],
        ["curves", "R", "--out", "FILE/c.png"],
        ["curves", "R", "--out", "c.doc"],
        ["curves", "R", "--out", "c"],
        ["curves", "R", "--out", "FOLDER.png"],
        ["table", "FILE"],
        ["status", "a\0b"],
        ["compact", "~no-such-user/r"],
        ["trial", *TINY, "--results", "FILE"],
        ["trial", "--data.root", ""],
        ["trial", "--data.root", "s3://bucket/data"],
        ["trial", "--data.root", "FILE"],
        ["sweep", "demo", "--results", ""],
        ["sweep", "demo", "--results", "FILE"],
    ],
)
def test_a_path_that_cannot_be_used_is_one_sentence(monkeypatch, tmp_path, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    made_results.write("R", {"mine.pairs": ("X;maxpool1",)}, runs=1)
    Path("FILE").write_text("")
    Path("FOLDER.png").mkdir()
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("mine-study: ") and said.count("\n") == 1, said


@contextlib.contextmanager
def room(most: int) -> Iterator[None]:
    """As on a full disk, a file that grows beyond so many bytes cannot be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_that_finds_no_room_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "below" / "page.html"
    files.write_local(path, "old")
    with room(10_000), pytest.raises(OSError, match="page.html") as raised:
        files.write_local(path, "x" * 20_000)
    assert everything(tmp_path) == {"below/page.html": b"old"}
    assert places.said(raised.value) == f"{path}: File too large"


def test_a_stream_that_fails_when_it_is_closed_leaves_nothing(tmp_path, monkeypatch):
    """NFS says only then that there is no room."""

    class Stream(io.BytesIO):
        def close(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    class Store(pyarrow.fs.LocalFileSystem):
        def open_output_stream(self, path: str) -> Stream:
            Path(path).write_bytes(b"half")
            return Stream()

    with pytest.raises(OSError, match="No space left on device: '.*a.parquet'"):
        files.write_bytes(Store(), str(tmp_path / "a.parquet"), b"whole")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("most", [0, 3_000, 30_000, 100_000])
def test_on_a_full_disk_every_command_says_so_and_every_file_is_whole(tmp_path, capsys, most):
    made_results.write(str(tmp_path / "r"), {}, runs=2)
    made_results.write(str(tmp_path / "r"), {"seed": 1}, runs=2)
    before = load(str(tmp_path / "r"))
    out = tmp_path / "page"
    for arguments, place in (
        (["report", str(tmp_path / "r"), "--out", str(out)], out),
        (["curves", str(tmp_path / "r"), "--pair", "X;sm1", "--out", str(out / "c.png")], out),
        (["compact", str(tmp_path / "r")], tmp_path / "r"),
        (["trial", *TINY, "--results", str(tmp_path / "t")], tmp_path / "t"),
    ):
        with room(most), pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        said = capsys.readouterr().err
        if ended.value.code == 0:
            continue
        assert ended.value.code == 2 and said.count("\n") == 1 and "File too large" in said, said
        assert str(place) in said
    found = everything(tmp_path)
    assert not [name for name in found if name.endswith(".tmp")]
    for name, content in found.items():
        ends = {"svg": b"</svg>\n", "png": b"IEND\xaeB`\x82", "html": b"</html>", "csv": b"\n", "parquet": b"PAR1"}
        assert content.rstrip(b"\n").endswith(ends.get(name.rpartition(".")[2], b"").rstrip(b"\n")), name
    after = load(str(tmp_path / "r"))
    pd.testing.assert_frame_equal(after.estimates, before.estimates)
    assert len(after.curve_rows("X;sm1")) == len(before.curve_rows("X;sm1")) and after.problems == []


def test_a_trial_that_found_no_room_goes_on_when_there_is_some(tmp_path, capsys):
    command = ["trial", *TINY, "--network.epochs", "2", "--schedule.probe-every", "1", "--results", str(tmp_path)]
    with room(30_000), pytest.raises(SystemExit) as ended:
        cli.main(command)
    assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        cli.main(command)
    assert ended.value.code == 0 and list(records.trial_states(str(tmp_path))[0].values()) == ["completed"]
