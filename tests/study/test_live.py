import io
import time

import pytest
from rich.console import Console

from study import space, studies
from study.live import Watch
from trainables.settings import key, labels


class Reported:
    """What Tune hands to a callback of a trial; `error_file` is there once it has failed."""

    error_file: str | None = None

    def __init__(self, config) -> None:
        self.config = {"trial": config}


@pytest.fixture
def planned() -> list:
    return space.trials(studies.DEMO, {}, (0,))


def watched(planned: list, before: int = 0, **options) -> Watch:
    label = dict(zip(planned, labels(planned), strict=True)).__getitem__
    return Watch("study demo", label, lambda: len(planned), lambda: before, **options)


def seen(found: Watch, width: int = 140) -> list[str]:
    """The lines of the live view on a terminal."""
    screen = Console(file=io.StringIO(), width=width)
    screen.print(found.view())
    return [line.rstrip() for line in screen.file.getvalue().splitlines()]


def report(run: int, exploded: int = 0) -> dict:
    outcomes = {f"{name}_fits": 0 for name in ("collapsed", "stuck", "unsettled")}
    counts = {"fits": 8 * run, "exploded_fits": exploded, "settled_fits": 8 * run - exploded, **outcomes}
    return {"state": "running", "run": run, "runs": 6, "epoch": 4 * run - 4, "bound_by_truth": 0.25, **counts}


def watch(planned: list, **options) -> Watch:
    """Four trials: one completed, one running, one lost, one waiting."""
    found = watched(planned, **options)
    first, second, third = (Reported(config) for config in planned[:3])
    for trial in (first, second, third):
        found.on_trial_start(0, [], trial)
    found.on_trial_result(0, [], first, report(2, exploded=4))
    found.on_trial_result(0, [], first, report(6, exploded=4))
    found.on_trial_result(0, [], first, {"state": "completed"})
    found.on_trial_result(0, [], second, report(3))
    found.on_trial_error(0, [], third)
    return found


def test_plain_lines_say_what_happened(planned, capsys):
    found = watch(planned, terminal=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "0:00:00 0/4 done, 1 running | starting | seed 0, noise_std 0, marginals permutation"
    assert "| MINE run 2 of 6, estimate/truth 0.25 | seed 0, noise_std 0, " in lines[3]
    assert "1/4 done, 2 running" in lines[5] and lines[5].endswith(" | 8% exploded, 92% settled")
    assert "1 failed" in lines[-1] and "| lost too often: Ray gave no reason; its nodes' logs may hold one" in lines[-1]
    assert [key(config) for config, _ in found.lost] == [key(planned[2])]
    assert found.ended == 2 and max(map(len, lines)) < 300


def test_an_error_does_not_fill_the_screen(planned, capsys):
    found = watched(planned, terminal=False)
    found.on_trial_result(0, [], Reported(planned[0]), {"state": "failed", "error": "first\n" + "x" * 500_000})
    found.on_trial_result(0, [], Reported(planned[1]), {"state": "failed", "error": " \n"})
    long, blank = capsys.readouterr().out.splitlines()
    assert long.endswith("xxx…") and len(long) < 400 and blank.endswith("no reason is recorded")


@pytest.mark.parametrize("note", ["Failure # 1\nThe actor died.\n\tIts node is gone.\n", "", None])
def test_a_lost_trial_says_what_ray_said_and_never_none(planned, tmp_path, capsys, note):
    found, trial = watched(planned, terminal=False), Reported(planned[0])
    trial.error_file = str(tmp_path / "error.txt")
    if note is not None:
        (tmp_path / "error.txt").write_text(note)
    found.on_trial_error(0, [], trial)
    ((_, error),) = found.lost
    line = capsys.readouterr().out.strip()
    if note:
        assert error == note.strip() and line.endswith("| lost too often: Its node is gone.")
    else:
        assert "Ray gave no reason; its nodes' logs may hold one" in error and line.endswith(error)


@pytest.mark.parametrize("width", [50, 140])
def test_the_live_view_is_the_status_and_no_line_passes_the_terminal(planned, capsys, width):
    found = watch(planned, terminal=True)
    lines = seen(found, width)
    assert all(len(line) <= width for line in lines) and len(lines) == 8
    assert lines[1].startswith("72 fits: 6% exploded, 94% settled")
    assert (lines[3], lines[5]) == ("running:", "ended last:") and lines[4].startswith(
        "  MINE run 3 of 6, estimate/truth 0.25 | seed 0, "
    )
    if width == 140:
        assert lines[0] == "study demo: 1 of 4 trials completed, 1 failed, 1 running, 1 waiting"
        assert lines[4].endswith("estimate/truth 0.25 | seed 0, noise_std 1, marginals permutation | 100% settled")
    assert "lost too often" in capsys.readouterr().out  # kept above the view


def test_the_time_left_counts_runs_of_this_sweep(planned, monkeypatch, capsys):
    moment = 1000.0
    monkeypatch.setattr(time, "time", lambda: moment)
    found = watched(planned, terminal=False)
    first, second = (Reported(config) for config in planned[:2])
    for trial in (first, second):
        found.on_trial_start(0, [], trial)
    for moment in (1005.0, 1010.0):
        found.on_trial_result(0, [], first, report(int(moment - 1000) // 5))
    # 5 s per run; 4 + 3 x 6 are left.
    assert "about 1.8 minutes left" in capsys.readouterr().out.splitlines()[-1]
    found.on_trial_result(0, [], second, report(3))  # resumes from a checkpoint: nothing was done for it yet
    assert "about 1.6 minutes left" in capsys.readouterr().out  # 4 + 3 + 12


def test_trials_done_before_are_done(planned, capsys):
    """As those of a search that had rows."""
    found = watched(planned, before=1, terminal=False)
    found.on_trial_start(0, [], Reported(planned[0]))
    assert "1/4 done, 1 running" in capsys.readouterr().out
    assert "1 of 4 trials completed, 0 failed, 1 running, 2 waiting" in seen(found)[0]
