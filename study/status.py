"""How a sweep stands, from its results folder alone: while it runs or afterwards, on any machine that sees it.

Needs neither torch nor ray. The plans say what is meant to run, the rows what has ended, the checkpoints what is under
way; nothing is asked of the sweep itself.
"""

import datetime
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from study import amounts
from study.space import differences
from trainables import records, verdict
from trainables.records import files, plans, schemas
from trainables.records.layout import CHECKPOINTS
from trainables.records.plans import Plan
from trainables.sentences import counted
from trainables.settings import InputError, key

_SHOWN = 8
"""Trials listed at most, of those under way and of those that ended last."""

_RECENT = 20
"""The pace is that of so many last trials."""

_BREAK = datetime.timedelta(minutes=10)
"""A sweep that has written nothing for so long, and for five times its usual, has been broken off."""


@dataclass(frozen=True)
class _Folder:
    """What a results folder holds."""

    states: dict[str, str]
    ended: dict[str, datetime.datetime]
    """When each trial's row was written, by key; without those that were compacted since."""
    probed: dict[str, datetime.datetime]
    """When each trial's checkpoint was written, by key."""
    verdicts: pd.DataFrame
    """`key` and `outcome` of every fit of a completed trial."""
    reasons: dict[str, str]
    """Why each failed trial failed, in a line."""


def report(results: str, now: datetime.datetime | None = None) -> str:
    """A text on every sweep of a results folder: trials by state, verdicts, pace, what is under way, what is damaged.

    Raises:
        InputError: if the folder holds neither a plan nor a trial.
    """
    found, problems = plans.find(results)
    trials = records.trials(results, may_be_empty=True)
    problems += trials.problems
    if not found and not len(trials.rows) and not problems:
        raise InputError(f"results {results!r} holds no sweep and no trial; it must be a folder that one wrote.")
    fits = records.read(results, "estimates", ("key", *verdict.INPUTS), of=trials)
    problems += fits.problems
    rows = fits.rows.to_pandas()
    folder = _Folder(
        dict(zip(trials.rows["key"].to_pylist(), trials.rows["state"].to_pylist(), strict=True)),
        files.written_at(results, "trials", ".parquet"),
        files.written_at(results, CHECKPOINTS, ".pt"),
        pd.DataFrame({"key": rows["key"], "outcome": verdict.outcome(rows)}),
        _reasons(trials.rows),
    )
    now = now or schemas.now()
    blocks = [_of_plan(one, folder, now) for one in _merged(found)]
    planned = {key(config) for one in found for config in one.trials}
    if others := [name for name in folder.states if name not in planned]:
        blocks.append(_of_no_plan(others, folder, now))
    blocks.append([f"Not read: {problem}" for problem in problems[:_SHOWN]])
    blocks.append([f"Not read: {counted(len(problems) - _SHOWN, 'further file')}."] if len(problems) > _SHOWN else [])
    return "\n".join(line for block in blocks for line in block)


def _merged(found: Sequence[Plan]) -> list[Plan]:
    """The plans of one study as one: its sweeps went to one folder because they are one study."""
    merged: dict[tuple[str, str | None], Plan] = {}
    for one in found:
        before = merged.get((one.study, one.search), Plan(one.study, (), one.search))
        trials = {key(config): config for config in (*before.trials, *one.trials)}
        merged[one.study, one.search] = Plan(one.study, tuple(trials.values()), one.search, one.expected)
    return list(merged.values())


def _of_plan(one: Plan, folder: _Folder, now: datetime.datetime) -> list[str]:
    keys = [key(config) for config in one.trials]
    labels = dict(zip(keys, differences(one.trials) if one.trials else [], strict=True))
    ended = [name for name in keys if name in folder.states]
    dated = _by_date(ended, folder)
    under_way = [name for name in keys if name in folder.probed and folder.states.get(name) != "completed"]
    completed = sum(folder.states[name] == "completed" for name in ended)
    failed = [name for name in ended if folder.states[name] == "failed" and name not in under_way]
    left = one.total - completed - len(failed)
    name = f"search {one.search}" if one.search else f"study {one.study}"
    lines = [
        f"{name}: {completed} of {counted(one.total, 'trial')} completed, {len(failed)} failed, "
        f"{len(under_way)} under way, {left - len(under_way)} not started or before their first probe",
        *_fits([n for n in ended if folder.states[n] == "completed"], folder),
        *_pace([folder.ended[n] for n in dated], [folder.probed[n] for n in under_way], left, now),
    ]
    if under_way:
        lines.append("under way:")
        lines += [f"  {labels[n]}: last probe {_ago(folder.probed[n], now)}" for n in under_way[:_SHOWN]]
        lines += [f"  and {len(under_way) - _SHOWN} more"] if len(under_way) > _SHOWN else []
    return [*lines, *_ended(dated, labels, folder, now)]


def _of_no_plan(names: Sequence[str], folder: _Folder, now: datetime.datetime) -> list[str]:
    """On trials that no plan names: each was run alone, or its plan is gone."""
    failed = [name for name in names if folder.states[name] == "failed"]
    return [
        f"{counted(len(names), 'trial')} of no plan: {len(names) - len(failed)} completed, {len(failed)} failed",
        *_fits(names, folder),
        *_ended(_by_date(failed, folder), {name: f"trial {name}" for name in names}, folder, now),
    ]


def _by_date(names: Sequence[str], folder: _Folder) -> list[str]:
    return sorted((name for name in names if name in folder.ended), key=lambda name: folder.ended[name])


def _ended(dated: Sequence[str], labels: Mapping[str, str], folder: _Folder, now: datetime.datetime) -> list[str]:
    """The trials that ended last, and what became of them."""
    lines = ["ended last:"] if dated else []
    for name in dated[: -_SHOWN - 1 : -1]:
        outcome = f"failed: {folder.reasons[name]}" if folder.states[name] == "failed" else _shares([name], folder)
        lines.append(f"  {labels[name]}, {_ago(folder.ended[name], now)}: {outcome}")
    return lines


def _reasons(rows: pa.Table) -> dict[str, str]:
    """Why each failed trial failed, in a line."""
    errors = zip(rows["key"].to_pylist(), rows["error"].to_pylist(), strict=True)
    reasons = {name: schemas.reason(error) or "no reason is recorded" for name, error in errors}
    return {
        name: f"{why} (`mine-study report` has it all)" if why.endswith("…") else why for name, why in reasons.items()
    }


def _fits(keys: Sequence[str], folder: _Folder) -> list[str]:
    count = folder.verdicts["key"].isin(keys).sum()
    return [f"{counted(count, 'fit')}: {_shares(keys, folder)}"] if count else []


def _shares(keys: Sequence[str], folder: _Folder) -> str:
    """Shares of the verdicts on these trials' fits."""
    fits = folder.verdicts["outcome"][folder.verdicts["key"].isin(keys)]
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
