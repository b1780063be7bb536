"""`mine-study sweep`: a study's trials, those of a search, or what they will cost."""

import dataclasses
import functools
import math
import os
import shlex
import typing
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from study.commands.results import tell
from study.resources import Resources
from study.search import Search, SearchOptions
from trainables.sentences import counted
from trainables.settings import TrialConfig, descriptions, fields, flatten, in_words, key, labels, setting


def _default(path: str, _: str) -> str:
    """What a field is in the named studies, for the help."""
    from study.studies import STUDIES

    unset = "unset" if path == "data.root" else None
    texts = {
        name: ", ".join(dict.fromkeys(unset or setting(flatten(one)[path]) for one in named.configurations))
        for name, named in STUDIES.items()
    }
    same = len(set(texts.values())) == 1
    return f"(default: {texts.popitem()[1] if same else '; '.join(f'{name} {text}' for name, text in texts.items())})"


def _overrides_type() -> type:
    """A field per configuration field except the seed, each any number of values; none: the study's own."""
    sections: dict[str, list[Any]] = {}
    for path, kind in fields().items():
        section, _, leaf = path.partition(".")
        if leaf:
            is_list = typing.get_origin(kind) is tuple
            help_text = descriptions()[path] + ("" if is_list else " Several values are all run.")
            about = tyro.conf.arg(help=help_text, help_behavior_hint=functools.partial(_default, path))
            values: Any = kind if is_list else tuple.__class_getitem__((kind, ...))
            sections.setdefault(section, []).append((leaf, Annotated[values, about], dataclasses.field(default=())))
    columns = []
    for name, leaves in sections.items():
        section_type: Any = dataclasses.make_dataclass(name, leaves, frozen=True)
        section_type.__doc__ = f"In place of the study's {name} settings."
        columns.append((name, section_type, dataclasses.field(default_factory=section_type)))
    return dataclasses.make_dataclass("Overrides", columns, frozen=True)


Overrides: Any = _overrides_type()


def shape_help(arguments: Sequence[str]) -> list[str]:
    """`--help` without the options that few need, which `--help-all` has."""
    if "--help-all" in arguments:
        return ["--help" if one == "--help-all" else one for one in arguments]
    if {"--help", "-h"} & set(arguments):
        for name in ("overrides", "search", "tensorboard"):
            kinds = sweep.__annotations__
            kinds[name] = Annotated[kinds[name], tyro.conf.Suppress]
    return list(arguments)


def _chosen(overrides: Any) -> dict[str, tuple[Any, ...]]:
    """The overrides that were given: values by field path."""
    chosen = {}
    for path, kind in fields().items():
        section, _, leaf = path.partition(".")
        if leaf and (values := getattr(getattr(overrides, section), leaf)):
            # Pairs are one value, a tuple of them.
            chosen[path] = (values,) if typing.get_origin(kind) is tuple else values
    return chosen


def sweep(
    study: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="STUDY")],
    overrides: Annotated[Overrides, tyro.conf.arg(name="")] = Overrides(),  # noqa: B008  # frozen
    seeds: tuple[int, ...] | None = None,
    results: str | None = None,
    resources: Annotated[Resources, tyro.conf.arg(name="")] = Resources(),  # noqa: B008  # frozen
    search: Annotated[SearchOptions, tyro.conf.arg(name="")] = SearchOptions(),  # noqa: B008  # frozen
    tensorboard: bool = False,
    dry_run: bool = False,
) -> int:
    """Run a study with Ray Tune: demo, paper, factorial, or that of a file. Run again, it does only what is missing.

    Any setting of a study can be replaced, by one value or several, which are all run; --help-all lists them.
    With --search, the study's first configuration is the base of a search, and its seeds are those of the search.

    For example:
      mine-study sweep demo
      mine-study sweep paper --dry-run                             # what it will cost
      mine-study sweep demo --noise-std 0 0.5 1 --results results/noise
      mine-study sweep demo --search optuna --trials 60 --objective distance_to_truth

    Args:
        study: demo, paper, factorial, or a Python file that holds a mine_study.Study.
        seeds: Seeds to run; None: the study's own, 0 1 2 of demo and factorial, 5 to 9 of paper.
        results: Folder or URI for the rows, seen by all nodes; None: results/STUDY, of a search results/STUDY-search.
        tensorboard: Also write each trial's bounds and exploded fits, by MINE run, as event files in RESULTS/tune.
        dry_run: Only print trials, estimated time and disk.
    """
    from study import search as searching
    from study import space, studies

    named, chosen = studies.find(study), _chosen(overrides)
    where = f"results/{named.name}{'-search' if search.search else ''}" if results is None else results
    if search.search:
        found = searching.make(named, search, chosen, seeds)
        space.check_folder(where, named, ())
        print("\n".join(searching.headline(found)), flush=True)
        if dry_run:
            return _print_cost(found.sample(), resources)
        return _search(found, named, where, resources, tensorboard)
    planned = [one.with_sources() for one in space.trials(named, chosen, seeds)]
    space.check_folder(where, named, planned)
    print(space.heading(named, chosen), flush=True)
    if dry_run:
        return _dry_run(planned, where, resources)
    from study import sweep as sweeping  # imports torch, which takes seconds

    sweeping.check(planned, where, resources)
    before = sweeping.outcome(planned, where)
    tell(before.problems)
    counts = f"{counted(len(planned), 'trial')}, {len(before.completed)} of them done before"
    print(f"{counts}; rows go to {where}", flush=True)
    ended = sweeping.launch(named.name, planned, where, resources, tensorboard)
    counts = f"{len(ended.completed)} of {counted(len(planned), 'trial')} completed"
    print(f"{counts}, {len(ended.failed)} failed, {len(ended.missing)} missing")
    if ended.failed:
        print(f"errors: mine-study status {shlex.quote(where)}; the same command tries the failed trials again")
    elif ended.missing:
        print("the same command runs what is missing")
    _print_rows(where)
    return ended.exit_code


def _print_rows(results: str) -> None:
    print(f"rows: {results}\ntable: mine-study table {shlex.quote(results)}")


def _search(found: Search, study: Any, results: str, resources: Resources, tensorboard: bool) -> int:
    """Run a search on a study, and print what came out best."""
    from study import sweep as sweeping
    from study.searcher import Searcher

    sweeping.check(found.shared(), results, resources)
    searcher = Searcher(found, results)
    tell(searcher.problems)
    print(f"{len(searcher.valued)} configurations were evaluated before; rows go to {results}", flush=True)
    sweeping.launch_search(searcher, resources, tensorboard)
    valued = list(searcher.valued.values())
    counts = f"{len(valued)} of {searcher.search.configurations} configurations evaluated"
    print(f"{counts}, {len(searcher.failed)} failed")
    if not searcher.done:
        print("the same command runs what is missing")
    _print_best(searcher.search, study, valued, results)
    _print_rows(results)
    if not searcher.done:
        return 130
    return 1 if searcher.failed else 0


def _print_best(found: Search, study: Any, valued: Sequence[Any], results: str) -> None:
    """The best of a search with intervals over seeds, and how to confirm it."""
    from analysis import intervals
    from study import search

    seeds = ", ".join(map(str, found.seeds))
    best = search.best(found, valued)
    for one in best:
        print(in_words(one.point) or "the one configuration of this space")
        for name, per_seed in zip(found.objectives, one.per_seed.T, strict=True):
            interval = intervals.of_share(per_seed)
            bounds, whose = f" [{interval.low:.3f}, {interval.high:.3f}]", "with its 95 % interval"
            if math.isnan(interval.low):
                bounds, whose = "", "without an interval, which takes seeds that differ"
            shown = ", ".join(f"{value:.3f}" for value in per_seed)
            print(f"  {name} {interval.mean:.3f}{bounds}: mean over seeds {seeds} ({shown}) {whose}")
        print(f"  fits: {one.verdicts}")
    if best and len(valued) > 1:
        print(
            f"Selected as the best of {len(valued)} configurations, so {'they look' if len(best) > 1 else 'it looks'} "
            "better than on other seeds. Confirm on seeds that the search has not seen:"
        )
        for one in best:
            print(f"  {search.confirmation(found, study, one.point, f'results/{found.study}-confirm')}")


def _dry_run(planned: list[TrialConfig], results: str, resources: Resources) -> int:
    from trainables import records

    for label in labels(planned):
        print(f"  {label}")
    states, problems = records.trial_states(results)
    tell(problems)
    left = [config for config in planned if states.get(key(config)) != "completed"]
    print(f"{counted(len(planned), 'trial')}, {len(planned) - len(left)} of them done before")
    return _print_cost(left, resources) if left else 0


def _print_cost(planned: list[TrialConfig], resources: Resources) -> int:
    from study import cost
    from trainables.trial import provenance

    if here := cost.device_here(resources):
        print(f"timing steps of each kind of trial on {provenance.device_name(here)} ...", flush=True)
    print(cost.estimate(planned, resources, os.cpu_count() or 1, here))
    return 0
