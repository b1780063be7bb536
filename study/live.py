"""What a person watches while a sweep runs: the text of `mine-study status` on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from study import status
from trainables.records import schemas
from trainables.settings import TrialConfig, key
from trainables.verdict import OUTCOMES


class Watch(tune.Callback):
    """Shows what Tune reports.

    Args:
        name: of the sweep.
        label: of a trial.
        total, before: trials of the whole sweep, and how many of them had completed before; a search changes both.
        terminal: a live view in place of lines; None: if the output is a terminal.
    """

    def __init__(
        self,
        name: str,
        label: Callable[[TrialConfig], str],
        total: Callable[[], int],
        before: Callable[[], int],
        terminal: bool | None = None,
    ) -> None:
        self.trials: dict[str, status.Trial] = {}
        """Trials that have started, by key."""
        self.lost: list[tuple[TrialConfig, str]] = []
        """Trials that Tune gave up, with the error; they may have no row."""
        self._name, self._label, self._total, self._before = name, label, total, before
        self._times = [time.time()]
        """When the trials began, and when each run of MINE of this sweep ended."""
        self._runs: dict[str, tuple[int, int]] = {}
        """Runs of MINE that a trial has done, and all of its runs."""
        console = Console()
        terminal = console.is_terminal if terminal is None else terminal
        self._live = Live(console=console, get_renderable=self.view, refresh_per_second=2) if terminal else None

    def __enter__(self) -> "Watch":
        self._times = [time.time()]
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._live:
            self._live.stop()

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks for a restore that is never made; a live view cannot be."""
        return {}

    @property
    def ended(self) -> int:
        """Trials that have completed or failed in this sweep."""
        return sum(trial.state in ("completed", "failed") for trial in self.trials.values())

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        self._note(trial, state="running", where="starting")

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict, **info: object) -> None:
        changes: dict[str, Any] = {"state": result["state"]}
        if "fits" in result:
            changes["outcomes"] = [name for name in OUTCOMES for _ in range(result[f"{name}_fits"])]
        if "run" in result:
            name, run, runs = key(trial.config["trial"]), result["run"], result["runs"]
            # A trial that resumes from a checkpoint reports that first: its runs were not done in this sweep.
            if name in self._runs or run == 1:
                self._times.append(time.time())
            self._runs[name] = run, runs
            changes |= {"where": f"MINE run {run} of {runs}", "by_truth": result["bound_by_truth"]}
        if result["state"] == "failed":
            changes["reason"] = schemas.reason(result["error"]) or "no reason is recorded"
        self._note(trial, **changes)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        reason = _reason(trial)
        self.lost.append((trial.config["trial"], reason))
        self._note(trial, state="failed", reason=f"lost too often: {schemas.reason(reason)}")

    def _note(self, trial: Trial, **changes: Any) -> None:
        """Note what has changed of a trial, and say so in a line; on a terminal only of one that has failed."""
        config = trial.config["trial"]
        known = self.trials.setdefault(key(config), status.Trial(self._label(config)))
        before = known.state
        for name, value in changes.items():
            setattr(known, name, value)
        known.at = time.time()
        if before == known.state == "running" and known.where == "starting":
            return
        line = known.line(known.where if known.state == "running" else known.state.replace("failed", ""))
        if self._live is None:
            print(f"{self._counts()} | {line}", flush=True)
        elif known.state == "failed":
            self._live.console.print(line, markup=False, highlight=False)

    def _counts(self) -> str:
        states = [trial.state for trial in self.trials.values()]
        done, running, failed = (states.count(state) for state in ("completed", "running", "failed"))
        counts = [f"{self._before() + done}/{self._total()} done", f"{running} running"]
        counts += [f"{failed} failed"] if failed else []
        clock = timedelta(seconds=int(time.time() - self._times[0]))
        return f"{clock} {', '.join([*counts, *filter(None, [self._left()])])}"

    def _left(self) -> str:
        """The time left, by runs of MINE."""
        if not self._runs:
            return ""
        under_way = [
            name for name, trial in list(self.trials.items()) if trial.state == "running" and name in self._runs
        ]
        left = sum(self._runs[name][1] - self._runs[name][0] for name in under_way)
        per_trial = sum(runs for _, runs in list(self._runs.values())) / len(self._runs)
        not_begun = self._total() - self._before() - self.ended - len(under_way)
        return status.time_left(self._times, left + per_trial * not_begun)

    def view(self) -> Group:
        """The live view, whose lines end at the terminal's edge."""
        trials = list(self.trials.values())  # at once: this is called by a thread of the live view
        lines = status.view(self._name, trials, self._total(), self._left(), time.time(), self._before())
        return Group(*(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))


def _reason(trial: Trial) -> str:
    """Why Tune gave a trial up: what it noted of each failure on this machine.

    `Trial.get_error` would read Tune's storage, which the note reaches only later.
    """
    note = Path(trial.error_file) if trial.error_file else None
    text = note.read_text(errors="replace").strip() if note and note.is_file() else ""
    return text or (
        "Ray gave no reason; its nodes' logs may hold one (session_latest/logs in Ray's folder there, /tmp/ray if no "
        "other was set)"
    )
