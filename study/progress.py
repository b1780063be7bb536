"""What a person watches while a sweep runs: one live table on a terminal, plain lines elsewhere."""

import math
import time
from collections import deque
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study.amounts import number
from study.space import differences
from trainables.settings import TrialConfig, key, unflatten
from trainables.verdict import OUTCOMES

if TYPE_CHECKING:
    from study.proposals import Proposals

_LONGEST = 300
"""Letters of an error that a line shows at most; the whole stands in the trial's row."""

_SHOWN = 8
"""Running trials, and trials that have ended, that the table shows at most."""


class Watched:
    """What is known of every trial of a sweep, from what Tune reports.

    Args:
        completed: keys of planned trials that were done before.
        proposals: the search that chooses the trials as it goes, instead of the planned.
    """

    def __init__(
        self, planned: list[TrialConfig], completed: Collection[str] = (), proposals: "Proposals | None" = None
    ) -> None:
        labels = differences(planned) if planned else []
        self._labels = {key(config): text for config, text in zip(planned, labels, strict=True)}
        self._proposals = proposals
        self.states = {name: "completed" if name in completed else "waiting" for name in self._labels}
        self.results: dict[str, dict[str, Any]] = {}
        """The last report of each trial that has reported in this sweep."""
        self.ended: deque[str] = deque(maxlen=_SHOWN)
        self._first_runs: dict[str, int] = {}
        self._ended_now = 0

    @property
    def total(self) -> int:
        """Trials of the whole sweep."""
        return self._proposals.total if self._proposals else len(self._labels)

    def label(self, name: str) -> str:
        """A trial's label, by its key."""
        return self._labels[name]

    def moved(self, config: TrialConfig, state: str) -> bool:
        """Note a trial's state; False if it was in it before."""
        name = key(config)
        if self._proposals:
            self._labels.setdefault(name, self._proposals.search.label(config))
        before, self.states[name] = self.states.get(name), state
        if before != state and state in ("completed", "failed"):
            self.ended.append(name)
            self._ended_now += 1
        return before != state

    def reported(self, name: str, result: dict[str, Any]) -> None:
        """Note what a trial has reported."""
        if "fits" in result:
            self.results[name] = result
        if "run" in result:
            # A trial that goes on from a checkpoint reports that first: its runs were not done in this sweep.
            self._first_runs.setdefault(name, result["run"] if result["run"] > 1 else 0)

    def count(self, state: str) -> int:
        """Trials in a state."""
        if state == "waiting":
            return self.total - sum(self.count(other) for other in ("running", "completed", "failed"))
        read = self._proposals.read if self._proposals and state == "completed" else 0
        return read + sum(one == state for one in self.states.values())

    @property
    def unfinished(self) -> int:
        """Trials that have not ended."""
        return self.count("waiting") + self.count("running")

    @property
    def exploded(self) -> int:
        """Trials of which a fit has exploded."""
        return sum(result["exploded_fits"] > 0 for result in self.results.values())

    def trials_an_hour(self, seconds: float) -> float:
        """Trials that ended in this sweep, per hour."""
        return 3600 * self._ended_now / seconds if seconds > 0 else 0.0

    def seconds_left(self, seconds: float) -> float | None:
        """At the pace of the MINE runs of this sweep, how long it still takes; None: none is done yet."""
        runs = {name: result["runs"] for name, result in self.results.items() if "runs" in result}
        if not runs:
            return None
        done = sum(self.results[name]["run"] - self._first_runs.get(name, 0) for name in runs)
        a_trial = sum(runs.values()) / len(runs)
        under_way = sum(runs[n] - self.results[n]["run"] for n in runs if self.states[n] == "running")
        not_begun = self.count("waiting") + sum(s == "running" and n not in runs for n, s in self.states.items())
        return seconds / done * (under_way + a_trial * not_begun) if done else None


class Progress(tune.Callback):
    """Shows what Tune reports.

    Args:
        terminal: a live table instead of lines; None: if the output is a terminal.
    """

    def __init__(self, watched: Watched, terminal: bool | None = None) -> None:
        self.watched = watched
        self.lost: list[tuple[TrialConfig, str]] = []
        """Trials that Tune gave up, with the error; they may have no row."""
        self._start = time.monotonic()
        console = Console()
        terminal = console.is_terminal if terminal is None else terminal
        self._live = Live(console=console, get_renderable=self.table, refresh_per_second=2) if terminal else None

    def __enter__(self) -> "Progress":
        self._start = time.monotonic()
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._live:
            self._live.stop()

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks for a restore that is never made; a live table cannot be."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        self._move(trial, "running")

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict, **info: object) -> None:
        name, state = key(_config(trial)), result.get("state", "running")
        self.watched.reported(name, {**self.watched.results.get(name, {}), **result})
        if state == "completed":
            self._move(trial, "completed")
        elif state == "failed":
            self._move(trial, "failed", f": {_short(result['error'])}")
        elif "run" in result:
            self._say(f"{self.watched.label(name)}: {_position(result)}; {_exploded(result)}; {_levels(result)}")

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        reason = _reason(trial)
        self.lost.append((_config(trial), reason))
        self._move(trial, "failed", f": lost too often; {_short(reason)}")

    def _move(self, trial: Trial, state: str, detail: str = "") -> None:
        config = _config(trial)
        if self.watched.moved(config, state):
            self._say(f"{self.watched.label(key(config))}: {state}{detail}", keep=state == "failed")

    def _say(self, text: str, keep: bool = False) -> None:
        """A plain line; on a terminal the table says it, and only what must be kept stands above it."""
        watched = self.watched
        counts = f"{watched.count('completed')}/{watched.total} done, {watched.count('running')} running"
        if failed := watched.count("failed"):
            counts += f", {failed} failed"
        line = f"[{_clock(self._seconds)}] {counts}, {watched.exploded} with explosions | {text}"
        if self._live is None:
            print(line, flush=True)
        elif keep:
            self._live.console.print(line, markup=False, highlight=False)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._start

    def table(self) -> Group:
        """The live table: counts, pace, running trials, and the verdicts on those that ended last."""
        watched, seconds = self.watched, self._seconds
        states = ", ".join(f"{watched.count(s)} {s}" for s in ("completed", "running", "failed", "waiting"))
        left = watched.seconds_left(seconds)
        pace = f"{_clock(seconds)} gone, {'-' if left is None else 'about ' + _clock(left)} left"
        pace += f", {number(watched.trials_an_hour(seconds))} trials an hour"
        fits = [result["fits"] for result in watched.results.values()]
        exploded = sum(result["exploded_fits"] for result in watched.results.values())
        head = Text(f"{watched.total} trials: {states}\n{pace}\n{exploded} of {sum(fits)} fits exploded")
        bar = ProgressBar(total=max(1, watched.total), completed=watched.count("completed"), width=60)
        rows = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for heading in ("trial", "where", "verdicts", "est./truth"):
            rows.add_column(heading, overflow="ellipsis", no_wrap=True)
        running = [name for name, state in watched.states.items() if state == "running"]
        for name in running[:_SHOWN]:
            result = watched.results.get(name, {})
            rows.add_row(watched.label(name), _position(result), verdicts(result), _by_truth(result))
        if len(running) > _SHOWN:
            rows.add_row(f"and {len(running) - _SHOWN} more running", "", "", "")
        for name in reversed(watched.ended):
            result = watched.results.get(name, {})
            rows.add_row(watched.label(name), watched.states[name], verdicts(result), _by_truth(result))
        return Group(head, bar, Text(), rows)


def _config(trial: Trial) -> TrialConfig:
    return unflatten(trial.config["trial"])


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


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=int(seconds)))


def _position(result: dict[str, Any]) -> str:
    if "run" not in result:
        return "starting"
    return f"network epoch {result['epoch']}, MINE run {result['run']} of {result['runs']}"


def _exploded(result: dict[str, Any]) -> str:
    return f"{result['exploded_fits']} of {result['fits']} fits exploded"


def _levels(result: dict[str, Any]) -> str:
    """Each pair's estimate beside its truth, and the median of their ratios over pairs."""
    pairs = [name.removeprefix("truth/") for name in result if name.startswith("truth/")]
    shown = [f"{pair} {_nats(result.get(f'bound/{pair}'))} (truth {_nats(result[f'truth/{pair}'])})" for pair in pairs]
    median = f"; median est./truth {_by_truth(result)}" if _by_truth(result) else ""
    return f"nats: {', '.join(shown)}{median}"


def _nats(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 2) + 0:.2f}"


def _by_truth(result: dict[str, Any]) -> str:
    """The median over pairs of estimate by truth in a trial's last run; empty if no pair has one."""
    ratio = result.get("bound_by_truth", math.nan)
    return "" if math.isnan(ratio) else _nats(ratio)


def _short(error: str) -> str:
    """The last line of an error, cut where it would fill the screen."""
    last = (error.strip().splitlines() or ["no reason is recorded"])[-1].strip()
    return last if len(last) <= _LONGEST else f"{last[:_LONGEST]} ..."


def verdicts(result: dict[str, Any]) -> str:
    """Shares of a trial's fits by verdict, those that occur.

    >>> verdicts({"fits": 16, "exploded_fits": 4, "settled_fits": 12})
    '25% exploded, 75% settled'
    """
    if not result.get("fits"):
        return ""
    shares = {name: result.get(f"{name}_fits", 0) / result["fits"] for name in OUTCOMES}
    return ", ".join(f"{100 * share:.0f}% {name}" for name, share in shares.items() if share > 0)
