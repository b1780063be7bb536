import datetime
import os
from pathlib import Path

import pytest

from analysis import report
from study import space, status, studies
from tests import made_results
from tests.made_rows import evaluate
from tests.test_imports import run_without
from trainables import records
from trainables.records import files, packing, plans, schemas
from trainables.records.plans import Plan
from trainables.settings import InputError, TrialConfig, key
from trainables.trial import recorded as trial

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture
def planned(tmp_path) -> list[TrialConfig]:
    """Eight trials of the demo study, planned and not begun."""
    trials = space.trials(studies.DEMO, {}, (0, 1))
    plans.write(str(tmp_path), Plan("demo", tuple(trials)))
    return trials


def at(path: Path, ago: int) -> None:
    """Give a file the age of so many seconds."""
    os.utime(path, (NOW.timestamp() - ago,) * 2)


def end(results: Path, config: TrialConfig, ago: int, state: str = "completed") -> None:
    evaluate(config, str(results), state)
    at(results / "trials" / f"{key(config)}.parquet", ago)


def probe(results: Path, config: TrialConfig, ago: int) -> None:
    files.write_snapshot(str(results), trial.CHECKPOINTS, key(config), b"")
    at(results / trial.CHECKPOINTS / f"{key(config)}.pt", ago)


def test_states_verdicts_and_pace(tmp_path, planned):
    for config, ago in zip(planned, (300, 240, 180), strict=False):
        end(tmp_path, config, ago)
    end(tmp_path, planned[3], 120, state="failed")
    probe(tmp_path, planned[4], 5)
    lines = status.report(str(tmp_path), NOW).splitlines()
    assert lines[0] == (
        "study demo: 3 of 8 trials completed, 1 failed, 1 running, 3 waiting or before their first checkpoint"
    )
    assert lines[1] == "288 fits: 100% settled"
    assert lines[2] == "about 4 minutes left"
    assert lines[3:5] == ["running:", "  last checkpoint 5 seconds ago | seed 1, noise_std 0, marginals permutation"]
    assert lines[6:8] == [
        "  2 minutes ago, failed | seed 0, noise_std 1, marginals derangement | boom",
        "  3 minutes ago, estimate/truth 0.70 | seed 0, noise_std 0, marginals derangement | 100% settled",
    ]


def test_a_sweep_that_stands_still_is_said_to_and_one_that_went_on_forgets_the_break(tmp_path, planned):
    for config, ago in zip(planned, (9060, 9000), strict=False):
        end(tmp_path, config, ago)
    assert "nothing was written for 2.5 hours" in status.report(str(tmp_path), NOW)
    for config, ago in zip(planned[2:], (120, 60), strict=False):
        end(tmp_path, config, ago)
    assert "about 4 minutes left" in status.report(str(tmp_path), NOW)


def test_a_sweep_that_is_done_has_no_pace(tmp_path, planned):
    for config in planned:
        end(tmp_path, config, 60)
    lines = status.report(str(tmp_path), NOW).splitlines()
    assert "8 of 8 trials completed, 0 failed, 0 running, 0 waiting" in lines[0]
    assert lines[2] == "ended last:"


def test_a_failed_trial_that_runs_again_is_under_way(tmp_path, planned):
    end(tmp_path, planned[0], 60, state="failed")
    probe(tmp_path, planned[0], 5)
    assert "0 failed, 1 running, 7 waiting" in status.report(str(tmp_path), NOW)


def test_sweeps_of_a_study_are_one_and_a_search_has_its_whole_budget(tmp_path, planned):
    plans.write(str(tmp_path), Plan("demo", tuple(space.trials(studies.DEMO, {}, (1, 2)))))
    plans.write(str(tmp_path), Plan("demo", tuple(planned[:2]), search="demo-random-x", expected=40))
    heads = sorted(line for line in status.report(str(tmp_path), NOW).splitlines() if " of " in line)
    assert heads[0].startswith("search demo-random-x: 0 of 40") and heads[1].startswith("study demo: 0 of 12")


def test_trials_without_a_plan_are_counted(tmp_path):
    (config, *_) = space.trials(studies.DEMO, {}, (0,))
    end(tmp_path, config, 60)
    head, fits, *_ = status.report(str(tmp_path), NOW).splitlines()
    assert head.startswith("trials of no plan: 1 of 1 trial completed, 0 failed") and fits == "96 fits: 100% settled"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("Traceback\nValueError: no\n", "ValueError: no"),
        (" \n\t", "no reason is recorded"),
        (None, "no reason is recorded"),
        ("x" * 500_000, f"{'x' * 200}… (`mine-study report` has it all)"),
        ("\x1b[31mred\x1b[0m\n\x00", "[31mred [0m"),
    ],
)
def test_a_folder_whose_only_trial_failed_says_why(tmp_path, error, said):
    config = TrialConfig()
    columns = made_results.provenance("failed", error)
    records.write_trial(str(tmp_path), {"trials": schemas.trial_row(config, columns)})
    at(tmp_path / "trials" / f"{key(config)}.parquet", 60)
    head, ended, line = status.report(str(tmp_path), NOW).splitlines()
    assert head.startswith("trials of no plan: 0 of 1 trial completed, 1 failed") and ended == "ended last:"
    assert line == f"  1 minute ago, failed | trial {key(config)} | {said}"


def test_the_report_has_a_long_error_whole_and_a_blank_one_not(tmp_path):
    for seed, error in enumerate(("x" * 500_000, " \n\t")):
        row = schemas.trial_row(TrialConfig(seed=seed), made_results.provenance("failed", error))
        records.write_trial(str(tmp_path), {"trials": row})
    text = report.write(str(tmp_path), str(tmp_path / "report")).read_text()
    assert text.count("<details>") == 1 and f"<summary>{'x' * 200}…</summary><pre>{'x' * 500_000}</pre>" in text


def test_a_folder_without_a_sweep_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no sweep and no trial"):
        status.report(str(tmp_path))


def test_status_needs_neither_torch_nor_ray(tmp_path, planned):
    end(tmp_path, planned[0], 60)
    program = f"from study.cli import main\nmain(['status', {str(tmp_path)!r}])"
    ended = run_without(("torch", "ray", "optuna"), program)
    assert ended.returncode == 0, ended.stderr
    assert "study demo: 1 of 8 trials completed" in ended.stdout


def test_a_compacted_folder_has_its_states_and_the_dates_of_what_came_after(tmp_path, planned):
    for config in planned[:2]:
        end(tmp_path, config, 300)
    packing.pack(str(tmp_path))
    end(tmp_path, planned[2], 60)
    lines = status.report(str(tmp_path), NOW).splitlines()
    assert lines[0].startswith("study demo: 3 of 8 trials completed, 0 failed, 0 running, 5 waiting")
    assert lines[1] == "288 fits: 100% settled" and lines[-2] == "ended last:" and "1 minute ago" in lines[-1]


def test_a_trial_without_its_estimates_is_named_and_a_folder_is_no_plan(tmp_path, planned):
    end(tmp_path, planned[0], 60)
    (tmp_path / "estimates" / f"{key(planned[0])}.parquet").unlink()
    (tmp_path / "plans" / "folder.json").mkdir()
    *_, ended, told = status.report(str(tmp_path), NOW).splitlines()
    assert ended.startswith("  1 minute ago | ") and ended.endswith(" | its rows in estimates are not there")
    assert told.startswith("Not read: 1 of 1 completed trial has no rows in the table estimates")
