"""`mine-study sweep`: a study's trials, those of a search, or what they will cost."""

import dataclasses
import math
import os
import shlex
import typing
from typing import Annotated, Any

import tyro

from study import amounts
from study.cluster import Cluster
from study.commands.results import tell
from study.resources import Resources
from study.search import SearchOptions
from trainables.sentences import counted
from trainables.settings import TrialConfig, descriptions, fields


def _overrides_type() -> type:
    """A field per configuration field but the seed, each any number of values; none: the study's own."""
    sections: dict[str, list[Any]] = {}
    for path, kind in fields().items():
        section, _, leaf = path.partition(".")
        if leaf:
            values: Any = kind if typing.get_origin(kind) is tuple else tuple.__class_getitem__((kind, ...))
            several = "" if values is kind else " Several values are all run."
            help_text = tyro.conf.arg(help=descriptions()[path] + several, help_behavior_hint="(default: the study's)")
            sections.setdefault(section, []).append((leaf, Annotated[values, help_text], dataclasses.field(default=())))
    made = {name: dataclasses.make_dataclass(name, columns, frozen=True) for name, columns in sections.items()}
    for name, section_type in made.items():
        section_type.__doc__ = f"In place of the study's {name} settings."
    columns = [(name, kind, dataclasses.field(default_factory=kind)) for name, kind in made.items()]
    return dataclasses.make_dataclass("Overrides", columns, frozen=True)


Overrides: Any = _overrides_type()


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
    study: tyro.conf.Positional[str],
    overrides: Annotated[Overrides, tyro.conf.arg(name="")] = Overrides(),  # noqa: B008  # frozen
    seeds: tuple[int, ...] | None = None,
    results: str | None = None,
    resources: Annotated[Resources, tyro.conf.arg(name="")] = Resources(),  # noqa: B008  # frozen
    cluster: Annotated[Cluster, tyro.conf.arg(name="")] = Cluster(),  # noqa: B008  # frozen
    search: Annotated[SearchOptions, tyro.conf.arg(name="")] = SearchOptions(),  # noqa: B008  # frozen
    tensorboard: bool = False,
    dry_run: bool = False,
) -> int:
    """Run a named study with Ray Tune: demo, paper or factorial. Run again, it does only what is missing.

    With --search its first configuration is the base of a search, and its seeds are those of the search.

    Args:
        study: Name of the study: demo, paper or factorial.
        seeds: Seeds to run; None: the study's own.
        results: Folder or URI for the rows, seen by all nodes; None: results/STUDY, of a search results/STUDY-search.
        tensorboard: Also write each trial's bounds and exploded fits, by MINE run, as event files below Tune's state.
        dry_run: Only print trials, estimated time and disk.
    """
    from study import search as searching
    from study import space, studies

    named = studies.find(study)
    where = f"results/{study}{'-search' if search.search else ''}" if results is None else results
    if search.search:
        found = searching.plan(named, search, _chosen(overrides), seeds)
        return _search(found, named, where, resources, cluster, tensorboard, dry_run)
    from trainables.records import plans

    planned = space.trials(named, _chosen(overrides), seeds)
    space.check_folder(where, named, planned)
    if dry_run:
        print(space.heading(named, _chosen(overrides)))
        return _dry_run(planned, where, resources)
    from study import sweep as sweeping

    sweeping.check(planned, where, cluster.storage, _runs_here(resources, cluster))
    before = sweeping.outcome(planned, where)
    tell(before.problems)
    told = f"{counted(len(planned), 'trial')}, {len(before.completed)} of them done before"
    print(f"study {study}: {told}; rows go to {where}")
    ended = sweeping.launch(planned, where, resources, cluster, tensorboard, plans.Plan(study, tuple(planned)))
    counts = f"{len(ended.completed)} of {counted(len(planned), 'trial')} completed"
    print(f"{counts}, {len(ended.failed)} failed, {len(ended.missing)} missing")
    if ended.failed:
        print(f"errors: mine-study status {shlex.quote(where)}; the same command tries the failed trials again")
    elif ended.missing:
        print("the same command runs what is missing")
    print(f"rows: {where}\ntable: mine-study table {shlex.quote(where)}")
    return ended.exit_code


def _search(
    found: Any, study: Any, results: str, resources: Resources, cluster: Cluster, tensorboard: bool, dry_run: bool
) -> int:
    """Run a search on a study, and print what came out best."""
    from study import search, space

    space.check_folder(results, study, ())
    print("\n".join(search.headline(found)))
    if dry_run:
        return _print_cost(search.sample(found), resources)
    from study import sweep as sweeping
    from study.proposals import Proposals

    sweeping.check(found.shared(), results, cluster.storage, _runs_here(resources, cluster))
    proposals = Proposals(found, results)
    tell(proposals.problems)
    print(f"{len(proposals.valued)} configurations were evaluated before; rows go to {results}")
    print(f"watch: mine-study status {shlex.quote(results)}, or optuna-dashboard {shlex.quote(str(proposals.journal))}")
    try:
        sweeping.launch_search(proposals, resources, cluster, tensorboard)
    finally:
        proposals.close()
    _print_search(proposals, study, results)
    if not proposals.done:
        return 130
    return 1 if proposals.failed else 0


def _print_search(proposals: Any, study: Any, results: str) -> None:
    """What became of a search's budget, and the best of it with intervals over seeds."""
    from analysis import intervals
    from study import search

    found, valued = proposals.search, list(proposals.valued.values())
    seeds = ", ".join(map(str, found.seeds))
    print(f"{len(valued)} of {found.configurations} configurations evaluated, {len(proposals.failed)} failed")
    if not proposals.done:
        print("the same command runs what is missing")
    best = search.best(found, valued)
    for one in best:
        print(f"{search.label(one.point) or 'the one configuration of this space'}")
        for index, name in enumerate(found.objectives):
            per_seed = one.per_seed[:, index]
            interval = intervals.of_share(per_seed)
            shown = ", ".join(f"{value:.3f}" for value in per_seed)
            bounds, whose = f" [{interval.low:.3f}, {interval.high:.3f}]", "with its 95 % interval"
            if math.isnan(interval.low):
                bounds, whose = "", "without an interval, which takes seeds that differ"
            print(f"  {name} {interval.mean:.3f}{bounds}: mean over seeds {seeds} ({shown}) {whose}")
        print(f"  fits: {one.verdicts}")
    if best and len(valued) > 1:
        print(
            f"Selected as the best of {len(valued)} configurations, so {'they look' if len(best) > 1 else 'it looks'} "
            "better than on other seeds. Confirm on seeds that the search has not seen:"
        )
        for one in best:
            print(f"  {search.confirmation(found, study, one.point, f'results/{found.study}-confirm')}")
    print(f"rows: {results}\ntable: mine-study table {shlex.quote(results)}")


def _dry_run(planned: list[TrialConfig], results: str, resources: Resources) -> int:
    from study import space
    from trainables import records
    from trainables.settings import key

    for label in space.differences(planned):
        print(f"  {label}")
    states, problems = records.trial_states(results)
    tell(problems)
    left = [config for config in planned if states.get(key(config)) != "completed"]
    print(f"{counted(len(planned), 'trial')}, {len(planned) - len(left)} of them done before")
    return _print_cost(left, resources) if left else 0


def _runs_here(resources: Resources, cluster: Cluster) -> bool:
    """Whether trials run on this machine's processors."""
    return cluster.address == "local" and not resources.gpus_per_trial


def _print_cost(planned: list[TrialConfig], resources: Resources) -> int:
    from study import cost
    from trainables.trial import provenance

    if here := cost.device_here(resources):
        print(f"timing steps of each kind on {provenance.device_name(here)} ...", flush=True)
    measured = cost.measure(planned, resources, os.cpu_count() or 1, here)
    needed, disk = amounts.size(measured.memory_bytes), amounts.size(measured.disk_bytes)
    if measured.there is None:
        share = resources.gpus_per_trial
        print(
            f"{len(planned)} to run, {disk}; how long is not known: PyTorch can use no GPU here\n"
            f"up to {needed} of GPU memory per trial: {share:g} of a GPU is enough if it has "
            f"{amounts.size(measured.memory_bytes / share)} or more"
        )
        return 0
    there = measured.there
    time, memory = amounts.duration(there.seconds), amounts.size(there.memory_bytes)
    print(
        f"{len(planned)} to run, {there.concurrent} at a time: about {time} and {disk} here, without the truths\n"
        f"up to {needed} of memory per trial; {there.name} has {memory}"
    )
    return 0
