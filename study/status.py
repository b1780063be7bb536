"""The state of a sweep in one text, from its results folder alone (`mine-study status`) or from the sweep as it runs.

Needs neither torch nor ray. From a folder, the plans say what is meant to run, the rows what has ended, and the
checkpoints what is running; nothing is asked of the sweep itself.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from study import amounts
from trainables import objectives, records, verdict
from trainables.records import files, plans, schemas
from trainables.records.layout import CHECKPOINTS
from trainables.sentences import counted
from trainables.settings import InputError, TrialConfig, key, labels

_SHOWN = 8
"""Trials listed at most, of those running and of those that ended last."""

_RECENT = 20
"""The pace is that of so many last events."""

_BREAK = 600.0
"""Seconds: a sweep that has written nothing for so long, and for five times its usual, has been broken off."""


@dataclass
class Trial:
    """What is known of one trial.

    Attributes:
        state: waiting, running, completed or failed.
        at: when it was last heard of, in seconds since 1970; None: not known.
        where: how far it is while it runs.
        outcomes: of its fits.
        by_truth: median over pairs of estimate by truth, in its last run; NaN: not known.
        reason: why it failed, in a line.
    """

    label: str = ""
    state: str = "waiting"
    at: float | None = None
    where: str = ""
    outcomes: Sequence[str] = ()
    by_truth: float = math.nan
    reason: str = ""

    def line(self, when: str) -> str:
        """The trial in a line that may be cut at its end: `when`, which one it is, what became of it."""
        ratio = "" if math.isnan(self.by_truth) else f"estimate/truth {round(self.by_truth, 2) + 0:.2f}"
        failed = "failed" if self.state == "failed" else ""
        shares = verdict.shares(self.outcomes) if len(self.outcomes) else ""
        return " | ".join(
            filter(None, [", ".join(filter(None, [when, failed, ratio])), self.label, shares, self.reason])
        )


def view(
    name: str, trials: Collection[Trial], total: int, left: str, now: float, before: int = 0, waiting: str = "waiting"
) -> list[str]:
    """A sweep in lines: counts, verdicts, time left, what is running, what ended last.

    Args:
        trials: those of which something is known.
        total: of the whole sweep.
        left: a line on the time left, or nothing.
        before: trials that had completed before, and are not among `trials`.
        waiting: what to call the others.
    """
    running = [trial for trial in trials if trial.state == "running"]
    ended = [trial for trial in trials if trial.state in ("completed", "failed")]
    failed = sum(trial.state == "failed" for trial in ended)
    done = before + len(ended) - failed
    outcomes = [outcome for trial in trials for outcome in trial.outcomes]
    lines = [
        f"{name}: {done} of {counted(total, 'trial')} completed, {failed} failed, {len(running)} running, "
        f"{total - done - failed - len(running)} {waiting}"
    ]
    lines += [f"{counted(len(outcomes), 'fit')}: {verdict.shares(outcomes)}"] if outcomes else []
    lines += [left] if left else []
    lines += ["running:"] if running else []
    lines += [f"  {trial.line(trial.where)}" for trial in running[:_SHOWN]]
    lines += [f"  and {len(running) - _SHOWN} more"] if len(running) > _SHOWN else []
    dated = [(trial.at, trial) for trial in ended if trial.at is not None]
    dated.sort(key=lambda one: one[0])
    lines += ["ended last:"] if dated else []
    return lines + [f"  {trial.line(_ago(at, now))}" for at, trial in dated[: -_SHOWN - 1 : -1]]


def _ago(then: float, now: float) -> str:
    return f"{amounts.duration(max(now - then, 0))} ago"


def time_left(times: Sequence[float], left: float, silent: float = 0.0) -> str:
    """How long as many more events take as are left, at the pace of the last; nothing where it is not known.

    >>> time_left([0, 10, 20, 30], left=12)
    'about 2 minutes left'

    Args:
        times: of events, in seconds.
        silent: seconds without any sign of the sweep.
    """
    times = sorted(times)[-_RECENT:]
    gaps = np.diff(times)
    longest = max(_BREAK, 5 * np.median(gaps) if len(gaps) else 0)
    if left and silent > longest:
        return f"nothing was written for {amounts.duration(silent)}: if the sweep is not running, run it again"
    times = times[int(np.flatnonzero(gaps > longest)[-1]) + 1 :] if (gaps > longest).any() else times
    if not left or len(times) < 2 or times[-1] == times[0]:
        return ""
    return f"about {amounts.duration(left * (times[-1] - times[0]) / (len(times) - 1))} left"


def report(results: str, now: datetime | None = None) -> str:
    """A text on every sweep of a results folder, and on every file that cannot be read.

    Raises:
        InputError: if the folder holds neither a plan nor a trial.
    """
    found, problems = plans.find(results)
    known, unread = _trials(results, moment := (now or schemas.now()).timestamp())
    problems += unread
    if not found and not known and not problems:
        raise InputError(f"results {results!r} holds no sweep and no trial; it must be a folder that one wrote.")
    # Sweeps of one study into one folder are shown as one.
    sweeps: dict[str, dict[str, TrialConfig]] = {}
    totals: dict[str, int] = {}
    for plan in found:
        name = f"search {plan.search}" if plan.search else f"study {plan.study}"
        planned = sweeps.setdefault(name, {})
        planned |= {key(config): config for config in plan.trials}
        totals[name] = max(len(planned), plan.expected)
    lines: list[str] = []
    for name, planned in sweeps.items():
        trials = [known.pop(one, Trial()) for one in planned]
        for trial, label in zip(trials, labels(list(planned.values())), strict=True):
            trial.label = label
        lines += _sweep(name, trials, totals[name], moment)
    if known:
        lines += _sweep("trials of no plan", list(known.values()), len(known), moment)
    lines += [f"Not read: {problem}" for problem in problems[:_SHOWN]]
    lines += [f"Not read: {counted(len(problems) - _SHOWN, 'further file')}."] if len(problems) > _SHOWN else []
    return "\n".join(lines)


def _trials(results: str, now: float) -> tuple[dict[str, Trial], list[str]]:
    """What a results folder holds of each trial, by its key, and a sentence on every file that was left out."""
    trials = records.trials(results, may_be_empty=True)
    rows, problems = records.read(results, "estimates", ("key", "run", "pair", *verdict.INPUTS), of=trials)
    fits = rows.to_pandas()
    outcomes = pd.Series(verdict.outcome(fits), fits["key"]).groupby(level=0).agg(list)
    ratios = objectives.estimate_by_truth(fits)
    written = files.written_at(results, "trials", ".parquet")  # of packed rows it is not known
    known: dict[str, Trial] = {}
    for row in trials.rows.select(["key", "state", "error"]).to_pylist():
        name, state = row["key"], row["state"]
        found = known[name] = Trial(f"trial {name}", state, outcomes=outcomes.get(name, []))
        found.at = written[name].timestamp() if name in written else None
        found.by_truth = ratios.get(name, math.nan)
        if state == "failed":
            found.reason = schemas.reason(row["error"]) or "no reason is recorded"
            found.reason += " (`mine-study report` has it all)" if found.reason.endswith("…") else ""
        elif not found.outcomes:
            found.reason = "its rows in estimates are not there"
    for name, moment in files.written_at(results, CHECKPOINTS, ".pt").items():
        if name not in known or known[name].state != "completed":
            heard = moment.timestamp()
            known[name] = Trial(f"trial {name}", "running", heard, f"last checkpoint {_ago(heard, now)}")
    return known, trials.problems + problems


def _sweep(name: str, trials: list[Trial], total: int, now: float) -> list[str]:
    """A sweep in lines, as its folder tells."""
    ended = [trial for trial in trials if trial.state in ("completed", "failed")]
    heard = [trial.at for trial in trials if trial.at is not None]
    times = [trial.at for trial in ended if trial.at is not None]
    left = time_left(times, total - len(ended), silent=now - max(heard, default=now))
    return view(name, trials, total, left, now, waiting="waiting or before their first checkpoint")
