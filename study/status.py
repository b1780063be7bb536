"""How a sweep stands, from its results folder alone: while it runs or afterwards, on any machine that sees it.

Needs neither torch nor ray. The plans say what is meant to run, the rows what has ended, the checkpoints what is under
way; nothing is asked of the sweep itself.
"""

import datetime
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from study import amounts, plan
from study.plan import Plan
from study.space import differences
from trainables import records, resultfiles, schemas, verdict
from trainables.config import InputError, key

_SHOWN = 8
"""Trials listed at most, of those under way and of those that ended last."""

_RECENT = 20
"""The pace is that of so many last trials."""

_BREAK = datetime.timedelta(minutes=10)
"""A sweep that has written nothing for so long, and for five times its usual, has been broken off."""

_CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class _Folder:
    """What lies in a results folder."""

    states: dict[str, str]
    ended: dict[str, datetime.datetime]
    """When each trial's row was written, by key; without those that were compacted since."""
    probed: dict[str, datetime.datetime]
    """When each trial's checkpoint was written, by key."""
    verdicts: pd.DataFrame
    """`key` and `stability` of every fit of a completed trial."""
    errors: dict[str, str]


def report(results: str, now: datetime.datetime | None = None) -> str:
    """A text on every sweep of a results folder: trials by state, verdicts, pace, what is under way.

    Raises:
        InputError: if the folder holds neither a plan nor a trial.
    """
    plans, states = plan.read(results), records.trial_states(results)
    if not plans and not states:
        raise InputError(f"results {results!r} holds no sweep and no trial; it must be a folder that one wrote.")
    folder = _Folder(
        states,
        resultfiles.written_at(results, "trials", ".parquet"),
        resultfiles.written_at(results, _CHECKPOINTS, ".pt"),
        _verdicts(results, states),
        _errors(results) if "failed" in states.values() else {},
    )
    blocks = [_of_plan(one, folder, now or schemas.now()) for one in _merged(plans)]
    planned = {key(config) for one in plans for config in one.trials}
    if others := [name for name in states if name not in planned]:
        completed = sum(states[name] == "completed" for name in others)
        blocks.append([f"{len(others)} trials of no plan: {completed} completed", *_fits(others, folder)])
    return "\n".join(line for block in blocks for line in block)


def _merged(plans: Sequence[Plan]) -> list[Plan]:
    """The plans of one study as one: its sweeps went to one folder because they are one study."""
    merged: dict[tuple[str, str | None], Plan] = {}
    for one in plans:
        before = merged.get((one.study, one.search), Plan(one.study, (), one.search))
        trials = {key(config): config for config in (*before.trials, *one.trials)}
        merged[one.study, one.search] = Plan(one.study, tuple(trials.values()), one.search, one.expected)
    return list(merged.values())


def _of_plan(one: Plan, folder: _Folder, now: datetime.datetime) -> list[str]:
    keys = [key(config) for config in one.trials]
    labels = dict(zip(keys, differences(one.trials) if one.trials else [], strict=True))
    ended = [name for name in keys if name in folder.states]
    dated = sorted((name for name in ended if name in folder.ended), key=lambda name: folder.ended[name])
    under_way = [name for name in keys if name in folder.probed and folder.states.get(name) != "completed"]
    completed = sum(folder.states[name] == "completed" for name in ended)
    failed = [name for name in ended if folder.states[name] == "failed" and name not in under_way]
    left = one.total - completed - len(failed)
    name = f"search {one.search}" if one.search else f"study {one.study}"
    lines = [
        f"{name}: {completed} of {one.total} trials completed, {len(failed)} failed, {len(under_way)} under way, "
        f"{left - len(under_way)} not started or before their first probe",
        *_fits([n for n in ended if folder.states[n] == "completed"], folder),
        *_pace([folder.ended[n] for n in dated], [folder.probed[n] for n in under_way], left, now),
    ]
    if under_way:
        lines.append("under way:")
        lines += [f"  {labels[n]}: last probe {_ago(folder.probed[n], now)}" for n in under_way[:_SHOWN]]
        lines += [f"  and {len(under_way) - _SHOWN} more"] if len(under_way) > _SHOWN else []
    if dated:
        lines.append("ended last:")
        for n in dated[: -_SHOWN - 1 : -1]:
            why = folder.errors.get(n, "no reason is recorded")
            outcome = f"failed: {why}" if folder.states[n] == "failed" else _shares([n], folder)
            lines.append(f"  {labels[n]}, {_ago(folder.ended[n], now)}: {outcome}")
    return lines


def _verdicts(results: str, states: dict[str, str]) -> pd.DataFrame:
    if not states:
        return pd.DataFrame({"key": [], "stability": []})
    columns = [
        "key", "ceiling", "estimate", "previous_window_mean", "highest_running_mean", "lowest_running_mean",
        "first_nonfinite_epoch", "dead_hidden_layers",
    ]  # fmt: skip
    rows = records.read(results, "estimates", columns).to_pandas()
    rows = rows[rows["key"].map(states.get) == "completed"]
    return pd.DataFrame({"key": rows["key"], "stability": verdict.stability(rows)})


def _errors(results: str) -> dict[str, str]:
    """The last line of what each failed trial raised."""
    rows = records.read(results, "trials", ["key", "error"])
    texts = zip(rows["key"].to_pylist(), rows["error"].to_pylist(), strict=True)
    return {name: text.strip().splitlines()[-1] for name, text in texts if text and text.strip()}


def _fits(keys: Sequence[str], folder: _Folder) -> list[str]:
    count = folder.verdicts["key"].isin(keys).sum()
    return [f"{count} fits: {_shares(keys, folder)}"] if count else []


def _shares(keys: Sequence[str], folder: _Folder) -> str:
    """Shares of the verdicts on these trials' fits."""
    fits = folder.verdicts["stability"][folder.verdicts["key"].isin(keys)]
    return verdict.shares(fits) if len(fits) else "its rows in estimates are not there"


def _pace(
    ended: Sequence[datetime.datetime], probed: Sequence[datetime.datetime], left: int, now: datetime.datetime
) -> list[str]:
    """Trials an hour of late, and how long the rest will take at that pace, if the sweep still moves."""
    last = max([*ended, *probed], default=None)
    if not left or last is None:
        return []
    times = sorted(one.timestamp() for one in ended)[-_RECENT:]
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    longest = max(_BREAK.total_seconds(), 5 * statistics.median(gaps) if gaps else 0)
    if (now - last).total_seconds() > longest:
        return [f"nothing was written for {_long(now - last)}: if the sweep does not run, its command goes on with it"]
    times = times[max((place + 1 for place, gap in enumerate(gaps) if gap > longest), default=0) :]
    if len(times) < 2 or times[-1] == times[0]:
        return []
    pace = (len(times) - 1) / (times[-1] - times[0])
    rest = datetime.timedelta(seconds=left / pace)
    return [f"{amounts.number(3600 * pace)} trials an hour over the last {len(times)}; about {_long(rest)} left"]


def _long(span: datetime.timedelta) -> str:
    return str(datetime.timedelta(seconds=int(span.total_seconds())))


def _ago(then: datetime.datetime, now: datetime.datetime) -> str:
    return f"{_long(max(now - then, datetime.timedelta()))} ago"
