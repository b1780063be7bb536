"""The command line: `mine-study trial`, `sweep`, `status`, `table`, `curves`, `report`, `compact`, `validate`.

Flags come straight from the configuration's dataclasses. Heavy packages are imported by the commands that
need them: `table` works without torch and ray.
"""

from study import interrupts  # before all others, so that Ctrl-C finds it there

with interrupts.OneLine("interrupted.", begun=False):
    import dataclasses
    import math
    import os
    import shlex
    import sys
    import typing
    from collections.abc import Sequence
    from typing import Annotated, Any, Literal

    import tyro

    from study import amounts
    from study.cluster import Cluster
    from study.resources import Resources
    from study.search import SearchOptions
    from trainables import places
    from trainables.sentences import counted
    from trainables.settings import InputError, TrialConfig, descriptions, fields

_DESCRIPTION = "Measure how far a neural estimate of mutual information (MINE) can be trusted."


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 a trial failed or is missing, 2 bad input, 130 interrupted."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed; without it, print would write what is meant for one to the other
            setattr(sys, name, open(os.devnull, "w"))
    # Rows are flushed as they are printed, also into a pipe or a file; names of files may be any text.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["table"]:
        _name_tables()
    with interrupts.OneLine(f"interrupted{_INTERRUPTED.get(arguments[0] if arguments else '', '')}."):
        try:
            code = tyro.extras.subcommand_cli_from_dict(
                {command.__name__: command for command in _COMMANDS},
                prog="mine-study",
                description=_DESCRIPTION,
                args=arguments,
            )
        except InputError as error:
            print(f"mine-study: {error}", file=sys.stderr)
            code = 2
        except BrokenPipeError:
            # The reader (such as head) has seen enough; leave nothing for the interpreter to flush at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 1
        except OSError as error:  # a full disk, a file in the way: what the system says names it
            print(f"mine-study: {places.said(error)}; run the same command again when that is mended.", file=sys.stderr)
            code = 2
    sys.exit(code)


def _name_tables() -> None:
    """Give the help of `table` the tables there are; only then, since they take pandas."""
    from analysis.tables import TABLES

    about = "; ".join(f"{name}: {one.about}" for name, one in TABLES.items())
    kind = Literal[tuple(TABLES)]  # type: ignore[valid-type]  # a Literal of a constant
    table.__annotations__["which"] = Annotated[kind, tyro.conf.arg(help=f"{about}.")]


_RESUMES = "; what is finished is kept, and the same command resumes"
_INTERRUPTED = {
    "trial": _RESUMES,
    "sweep": _RESUMES,
    "status": "; nothing was changed",
    "table": "; the results are as they were",
    "curves": "; the results are as they were, and the same command draws the picture",
    "report": "; the results are as they were, and the same command writes the whole report",
    "compact": "; no row is lost, and the same command does the rest",
    "validate": "; nothing is kept",
}
"""What Ctrl-C leaves behind, by command."""


def trial(
    config: Annotated[TrialConfig, tyro.conf.arg(name="")] = TrialConfig(),  # noqa: B008  # frozen
    results: str = "results/trial",
    device: str | None = None,
    threads: int | None = None,
) -> int:
    """Run one trial, without Ray, on this machine's GPU or CPU.

    Args:
        results: Folder or URI for the trial's rows; a trial that was cut off goes on from its checkpoint.
        device: cpu, cuda or cuda:N; None: the GPU if there is one.
        threads: CPU threads; None: as many as there are processors.
    """
    import torch

    from trainables import devices, verdict
    from trainables.records import resultfiles
    from trainables.settings import key
    from trainables.subjects import data
    from trainables.trial import memory
    from trainables.trial import recorded as one_trial

    torch.set_num_threads(_threads(threads))
    chosen = devices.choose_device(device)
    memory.check_trial(config, chosen)
    resultfiles.check_writable(results)
    data.load(**vars(config.data))  # what is wrong with the data is said before the trial starts
    if config.mine.epochs < (least := verdict.VerdictRule().least_epochs):
        print(
            f"mine.epochs is {config.mine.epochs}: fits of fewer than {least} are too short to be judged; none settles"
        )
    place = f"{chosen}, {torch.get_num_threads()} threads"
    print(f"trial {key(config)} on {place}: {config.network.name}, its truths, then MINE")
    progress = None
    try:
        for progress in one_trial.run(config, results, chosen):
            print(_probe_lines(progress))
    except (InputError, OSError):
        raise
    except Exception as error:  # whatever it is, the trial's row has all of it
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(".")
        print(
            f"mine-study: the trial failed: {said}. Its row in {results}/trials has the whole error.", file=sys.stderr
        )
        return 1
    if progress is not None:
        spent = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in progress.seconds.items())
        print(f"done: {spent}\nrows: {results}\ntable: mine-study table {shlex.quote(results)}")
    return 0


def _threads(threads: int | None) -> int:
    there = os.cpu_count() or 1
    if threads is not None and not 1 <= threads <= there:
        raise InputError(f"threads is {threads}; it must be from 1 to {there}, this machine's processors.")
    return threads or there


def _probe_lines(progress: Any) -> str:
    """What a person reads after a probe: accuracy, and each pair's estimates and verdicts beside truth and optimum."""
    from trainables import verdict

    rows = progress.rows["estimates"][-1].to_pandas()
    rows["outcome"], rows["exploded"] = verdict.outcome(rows), verdict.exploded_epoch(rows)
    where = f"{progress.config.network.name} epoch {progress.epoch}: accuracy {progress.accuracy:.1%}"
    lines = [f"{where}; MINE run {progress.run}, nats by replicate:"]
    by_pair = {pair: fits for pair, fits in rows.groupby("pair", sort=False)}
    shown = {pair: ", ".join(map(_fit, fits.itertuples())) for pair, fits in by_pair.items()}
    width = max(map(len, shown.values()))
    for pair, fits in by_pair.items():
        known = f"truth {_nats(fits['truth'].iloc[0])}, optimum {_nats(fits['optimum'].iloc[0])}"
        lines.append(f"  {pair:11s} {shown[pair]:{width}s}  {known}")
    return "\n".join(lines)


def _fit(fit: Any) -> str:
    epoch = f" (epoch {fit.exploded:.0f})" if fit.outcome == "exploded" else ""
    return f"{_nats(fit.estimate)} {fit.outcome}{epoch}"


def _nats(value: float) -> str:
    if value != value:
        return "-"
    return f"{round(value, 2) + 0:.2f}" if abs(value) < 1e6 else f"{value:.0e}"


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
    _tell(before.problems)
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


def _tell(problems: Sequence[str], left_out: str = "Not read") -> None:
    """Name files that were left out, beside the output."""
    print("".join(f"{left_out}: {problem}\n" for problem in problems), end="", file=sys.stderr)


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
    _tell(proposals.problems)
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
    _tell(problems)
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


def status(results: tyro.conf.Positional[str]) -> int:
    """Print how the sweeps of a results folder stand, while they run or afterwards.

    Args:
        results: Folder or URI that a sweep writes or wrote.
    """
    from study import status as standing

    print(standing.report(results))
    return 0


def table(
    results: tyro.conf.Positional[str],
    which: str = "stability",
    format: Literal["markdown", "csv", "latex"] = "markdown",  # noqa: A002  # the flag's name
    thresholds: float = 1.0,
    field: str | None = None,
    where: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    first: int | None = None,
) -> int:
    """Print a table of a results folder; the stability table if none is named.

    Args:
        results: Folder or URI that a trial or a sweep wrote.
        which: Which table.
        format: How to print it; csv has every column.
        thresholds: Factor on the verdict rule's thresholds, such as 0.5 or 2, for tables that judge fits.
        field: differences: of this field alone, such as noise_std.
        where: Only the trials with this value, such as noise_std=0.3; may be given several times.
        first: Only so many rows, from the top.
    """
    from analysis import rendering, tables
    from trainables.verdict import VerdictRule

    if not 0 < thresholds < math.inf:
        raise InputError(f"thresholds is {thresholds}; it must be a finite number above 0.")
    if first is not None and first < 1:
        raise InputError(f"first is {first}; it must be at least 1.")
    judges = which not in tables.TABLES or tables.TABLES[which].judges
    unused = {"field": field is not None and which != "differences", "thresholds": thresholds != 1 and not judges}
    for name, is_unused in unused.items():
        if is_unused:
            raise InputError(f"{name} is given; it must be left out for the table {which!r}, which does not use it.")
    rows, notes = tables.build(which, results, VerdictRule().scaled(thresholds), field, where)
    shown = rows.head(len(rows) if first is None else first)
    if len(shown) < len(rows):
        notes.insert(0, f"The first {len(shown)} of {len(rows)} rows.")
    if thresholds != 1:
        notes.insert(0, f"Thresholds are {thresholds:g} times the committed rule's.")
    print(rendering.render(shown, format), end="")
    if format == "markdown":
        print("\n" + "\n".join(notes))
    else:  # so that the table is alone in a file or a pipe
        print("\n".join(notes), file=sys.stderr)
    return 0


def compact(results: tyro.conf.Positional[str]) -> int:
    """Merge a results folder's many small files into few; nothing is lost if it is interrupted.

    Completed trials alone are merged; a sweep may run meanwhile and afterwards.

    Args:
        results: Folder or URI that a trial or a sweep wrote.
    """
    from trainables.records import compaction

    for done in compaction.compact(results):
        print(f"{done.table}: {counted(done.files_before, 'file')} before, {done.files_after} after")
        _tell(done.problems, "Not merged")
    return 0


def report(results: tyro.conf.Positional[str], out: str) -> int:
    """Write the report: one HTML page with all tables and figures, and the figures as SVG and PNG.

    Args:
        results: Folder or URI that a trial or a sweep wrote.
        out: Folder for report.html, figures/ and tables/.
    """
    from analysis import report as reporting

    print(f"report: {reporting.write(results, out)}")
    return 0


def curves(results: tyro.conf.Positional[str], pair: str = "X;maxpool1", out: str = "curves.png") -> int:
    """Draw a pair's learning curves, a panel for each configuration: which explode, which settle.

    Args:
        results: Folder or URI that a trial or a sweep wrote.
        pair: Pair to draw, variable;layer.
        out: Picture to write; its ending names the kind (.svg, .png, .pdf, .jpg).
    """
    from analysis import curves as drawing
    from analysis import frames

    study = frames.Results(results)
    try:
        print(f"curves: {drawing.save(drawing.draw(study, pair), out)}")
    finally:
        _tell(study.skipped)  # also where too little is left to draw
    return 0


def validate(only: tuple[str, ...] = (), seed: int = 0, threads: int | None = None) -> int:
    """Run MINE on problems with known answers; exit code 1 if one that must pass does not.

    Args:
        only: Problems to run, by name; none: all.
        seed: Seed of samples, noise and weights.
        threads: CPU threads; None: as many as there are processors.
    """
    import torch

    from trainables.estimators import given
    from trainables.estimators import validate as known_answers

    torch.set_num_threads(_threads(threads))
    known_answers.chosen(only)
    seed = given.seed(seed)
    return 0 if known_answers.report(only, seed) else 1


_COMMANDS = (trial, sweep, status, table, curves, report, compact, validate)

if __name__ == "__main__":
    main()
