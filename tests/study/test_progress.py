import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from study import space, studies
from study.progress import Progress, Watched
from trainables.settings import flatten, key


class Reported:
    """What Tune hands to a callback of a trial; `error_file` is there once it has failed."""

    error_file: str | None = None

    def __init__(self, config) -> None:
        self.config = {"trial": flatten(config)}


@pytest.fixture
def planned() -> list:
    return space.trials(studies.DEMO, {}, (0,))


def report(run: int, exploded: int = 0) -> dict:
    counts = {"fits": 8 * run, "exploded_fits": exploded, "settled_fits": 8 * run - exploded}
    levels = {"bound/X;sm1": 0.5, "truth/X;sm1": 2.0, "optimum/X;sm1": 1.8, "truth/Y;sm1": 1.0, "bound_by_truth": 0.25}
    return {"state": "running", "run": run, "runs": 6, "epoch": 4 * run - 4, **levels, **counts}


def watch(planned: list, **options) -> Progress:
    """Two trials of four under way, one failed for good."""
    progress = Progress(Watched(planned), **options)
    first, second, third = (Reported(config) for config in planned[:3])
    for trial in (first, second, third):
        progress.on_trial_start(0, [], trial)
    progress.on_trial_result(0, [], first, report(2, exploded=4))
    progress.on_trial_result(0, [], first, report(6, exploded=4))
    progress.on_trial_result(0, [], first, {"state": "completed"})
    progress.on_trial_result(0, [], second, report(3))
    progress.on_trial_error(0, [], third)
    return progress


def test_plain_lines_say_what_happened(planned, capsys):
    progress = watch(planned, terminal=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(
        "0/4 done, 1 running, 0 with explosions | noise_std=0.0 marginals=permutation seed=0: running"
    )
    assert "MINE run 2 of 6; 4 of 16 fits exploded; nats: X;sm1 0.50 (truth 2.00), Y;sm1 - (truth 1.00)" in lines[3]
    assert lines[3].endswith("; median est./truth 0.25")
    assert "1/4 done, 2 running, 1 with explosions" in lines[5] and lines[5].endswith("completed")
    assert "failed: lost too often; Ray gave no reason; its nodes' logs may hold one" in lines[-1]
    assert [key(config) for config, _ in progress.lost] == [key(planned[2])]
    assert progress.watched.unfinished == 2


def test_an_error_does_not_fill_the_screen(planned, capsys):
    progress, trial = Progress(Watched(planned), terminal=False), Reported(planned[0])
    progress.on_trial_result(0, [], trial, {"state": "failed", "error": "first\n" + "x" * 500_000})
    progress.on_trial_result(0, [], Reported(planned[1]), {"state": "failed", "error": " \n"})
    long, blank = capsys.readouterr().out.splitlines()
    assert long.endswith("xxx ...") and len(long) < 500 and blank.endswith("failed: no reason is recorded")


@pytest.mark.parametrize("note", ["Failure # 1\nThe actor died.\n\tIts node is gone.\n", "", None])
def test_a_lost_trial_says_what_ray_said_and_never_none(planned, tmp_path, capsys, note):
    progress, trial = Progress(Watched(planned), terminal=False), Reported(planned[0])
    trial.error_file = str(tmp_path / "error.txt")
    if note is not None:
        (tmp_path / "error.txt").write_text(note)
    progress.on_trial_error(0, [], trial)
    ((_, error),) = progress.lost
    line = capsys.readouterr().out.strip()
    if note:
        assert error == note.strip() and line.endswith("failed: lost too often; Its node is gone.")
    else:
        assert "Ray gave no reason; its nodes' logs may hold one" in error and line.endswith(error)


def test_the_table_shows_states_pace_and_verdicts(planned, capsys):
    progress = watch(planned, terminal=True)
    screen = Console(file=io.StringIO(), width=140)
    screen.print(progress.table())
    text = screen.file.getvalue()
    assert "4 trials: 1 completed, 1 running, 1 failed, 1 waiting" in text
    assert "4 of 72 fits exploded" in text
    assert "est./truth" in text and "network epoch 8, MINE run 3 of 6  100% settled              0.25" in text
    assert "completed                         8% exploded, 92% settled  0.25" in text
    assert "lost too often" in capsys.readouterr().out  # kept above the table


def test_the_pace_counts_runs_of_this_sweep(planned):
    watched = Watched(planned)
    assert watched.seconds_left(10) is None
    first, second = planned[:2]
    for config in (first, second):
        watched.moved(config, "running")
    watched.reported(key(first), report(1))
    watched.reported(key(first), report(2))
    # 2 runs in 10 s; 4 + 3 x 6 are left.
    assert watched.seconds_left(10) == pytest.approx(110)
    watched.reported(key(second), report(3))  # goes on from a checkpoint: nothing was done for it yet
    assert watched.seconds_left(10) == pytest.approx(5 * (4 + 3 + 12))
    assert watched.trials_an_hour(10) == 0
    watched.moved(first, "completed")
    assert watched.trials_an_hour(10) == 360


def test_a_search_adds_trials_as_it_goes(planned):
    """Four trials in all, one of which has its rows already."""
    proposals = SimpleNamespace(total=4, read=1, search=SimpleNamespace(label=lambda config: f"seed {config.seed}"))
    watched = Watched([], proposals=proposals)
    assert (watched.count("waiting"), watched.count("completed"), watched.unfinished) == (3, 1, 3)
    watched.moved(planned[0], "running")
    assert watched.label(key(planned[0])) == "seed 0"
    assert (watched.count("waiting"), watched.count("running"), watched.trials_an_hour(10)) == (2, 1, 0)
    watched.moved(planned[0], "completed")
    assert (watched.count("waiting"), watched.count("completed"), watched.unfinished) == (2, 2, 2)


def test_trials_done_before_are_done(planned):
    watched = Watched(planned, completed={key(planned[0])})
    assert (watched.count("completed"), watched.count("waiting"), watched.trials_an_hour(10)) == (1, 3, 0)
