"""Ctrl-C: one line that is true of the command, and exit code 130."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from study import cli, interrupts

ROOT = Path(__file__).parents[2]

_PRESS = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor _ in range(10**9): pass\n"
_HIDE = f"try:\n    exec({_PRESS!r})\nexcept KeyboardInterrupt: raise ImportError('half') from None\n"


@pytest.mark.parametrize("package", ["tyro", "pandas"])
@pytest.mark.parametrize("how", [_PRESS, _HIDE], ids=["pressed", "hidden by the package"])
def test_ctrl_c_while_packages_are_imported(tmp_path, package, how):
    """Of the command line itself, and of a command; a package may turn KeyboardInterrupt into another error."""
    (tmp_path / f"{package}.py").write_text(how)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    of_table, of_all = "from study.cli import main; main(['table', 'nowhere'])", "import study.cli"
    for program in (of_table, of_all) if package == "tyro" else (of_table,):
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
        assert ended.returncode == 130 and ended.stdout == ""
        assert ended.stderr.startswith("mine-study: interrupted") and len(ended.stderr.splitlines()) == 1


@pytest.fixture
def keeps_handler():
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("command", "module", "says"),
    [
        (["table", "r"], "analysis.Results", "the results are as they were"),
        (["report", "r", "--out", "o"], "analysis.report.write", "the same command writes the whole report"),
        (["curves", "r"], "trainables.records.trials", "the same command draws the picture"),
        (
            ["compact", "r"],
            "trainables.records.packing.pack",
            "no row is lost, and the same command does the rest",
        ),
        (["status", "r"], "study.status.report", "nothing was changed"),
        (["validate"], "trainables.estimators.validate.report", "nothing is kept"),
        (["trial", "--data.name", "digits"], "trainables.trial.recorded.run", "is kept, and the same command resumes"),
    ],
)
def test_ctrl_c_says_what_is_true_of_the_command(capsys, monkeypatch, tmp_path, keeps_handler, command, module, says):
    def press(*arguments: object, **options: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, press)
    with pytest.raises(SystemExit) as ended:
        cli.main(command)
    err = capsys.readouterr().err
    assert ended.value.code == 130 and err.startswith("mine-study: interrupted; ") and says in err
    assert ("kept" in err) == (command[0] in ("trial", "validate"))


def test_without_ctrl_c_errors_pass_and_the_handler_is_put_back():
    with pytest.raises(ValueError, match="wrong"), interrupts.OneLine("interrupted."):
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        raise ValueError("wrong")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_ctrl_c_stays_ignored(keeps_handler):
    """As in a job that a shell has put into the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts.OneLine("interrupted."):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_ctrl_c_while_an_object_is_deleted_prints_no_traceback():
    """Python prints what is raised there and cannot be passed on."""
    program = (
        "import signal\nfrom study import interrupts\nclass Lock:\n    def __del__(self):\n"
        "        signal.raise_signal(signal.SIGINT)\nwith interrupts.OneLine('said.'):\n    Lock()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (interrupts.CODE, "mine-study: said.\n")
