"""A sweep: the plan, Ray Tune around it, and what became of it."""

import logging
import os
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from study import cluster as clusters
from study.cluster import Cluster
from study.resources import Resources
from trainables import places, records
from trainables.estimators import memory
from trainables.records import files, in_use, plans, schemas
from trainables.records.layout import PROBES
from trainables.sentences import counted
from trainables.settings import InputError, TrialConfig, flatten, key, network_key
from trainables.subjects.data import load
from trainables.trial.recorded import failed_parts

if TYPE_CHECKING:
    from study.progress import Progress
    from study.proposals import Proposals


@dataclass(frozen=True)
class Outcome:
    """Trials of a sweep by what became of them; `missing` have no row."""

    completed: list[str]
    failed: list[str]
    missing: list[str]
    interrupted: bool = False
    problems: list[str] = field(default_factory=list)
    """A sentence on every file in `trials` that was left out: its trial is run again."""

    @property
    def exit_code(self) -> int:
        """0 if every trial completed, 130 if the sweep was interrupted, else 1."""
        if self.interrupted:
            return 130
        return 1 if self.failed or self.missing else 0


def outcome(planned: list[TrialConfig], results: str, interrupted: bool = False) -> Outcome:
    """What became of the planned trials, read from the records alone.

    Raises:
        InputError: if a merged file cannot be read, so that it is not known which trials are done.
    """
    states, problems = records.trial_states(results)
    by_state: dict[str | None, list[str]] = {"completed": [], "failed": [], None: []}
    for config in planned:
        by_state[states.get(key(config))].append(key(config))
    return Outcome(by_state["completed"], by_state["failed"], by_state[None], interrupted, problems)


def check(planned: list[TrialConfig], results: str, storage: str | None = None, here: bool = False) -> None:
    """Find what would stop trials before the first one starts.

    Args:
        here: whether they run on this machine's processors, so that it must have the memory for each.

    Raises:
        InputError: if a trial takes more memory than there is, the results or Tune's storage cannot be written, or a
            data set cannot be loaded.
    """
    for config in planned if here else ():
        memory.check_trial(config, torch.device("cpu"))
    files.check_writable(results)
    if storage is not None:
        files.check_writable(storage, "storage")
    for data in dict.fromkeys(config.data for config in planned):
        load(**vars(data))


def launch(
    planned: list[TrialConfig],
    results: str,
    resources: Resources,
    cluster: Cluster = Cluster(),  # noqa: B008  # frozen
    tensorboard: bool = False,
    plan: plans.Plan | None = None,
) -> Outcome:
    """Run the planned trials that have not completed yet, as a Ray Tune experiment on this machine or a cluster.

    Unfinished trials go on from their checkpoints. Returns when all have ended, on Ctrl-C or SIGTERM.

    Args:
        plan: written beside the rows once nothing is left that could refuse the sweep.

    Raises:
        InputError: if the cluster cannot be reached, its nodes do not see the results as one folder, it does not
            have the resources that one trial asks for, or PyTorch cannot use its GPUs where trials get them.
    """
    done = set(outcome(planned, results).completed)
    missing = [config for config in planned if key(config) not in done]
    if not missing:
        _write(plan, results)
        return outcome(planned, results)
    _quiet_ray()
    from study.progress import Progress, Watched

    progress = Progress(Watched(planned, done))
    interrupted = _run(missing, results, resources, cluster, progress, tensorboard, plan=plan)
    return outcome(planned, results, interrupted)


def launch_search(
    proposals: "Proposals",
    resources: Resources,
    cluster: Cluster = Cluster(),  # noqa: B008  # frozen
    tensorboard: bool = False,
) -> None:
    """Run a search's trials until its budget is spent, as a Ray Tune experiment, or until Ctrl-C or SIGTERM.

    Raises:
        InputError: as `launch`.
    """
    first = proposals.next_trial()
    if first is None:
        return
    proposals.put_back(first)
    _quiet_ray()
    from study.progress import Progress, Watched

    progress = Progress(Watched([], proposals=proposals))
    _run(proposals.search.shared(), proposals.results, resources, cluster, progress, tensorboard, proposals)


def _write(plan: plans.Plan | None, results: str) -> None:
    if plan is not None:
        plans.write(results, plan)


def _quiet_ray() -> None:
    """Ray reads these when it is imported: Tune's own tables, the usage report, Tune's own loggers."""
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")


def _run(
    planned: list[TrialConfig],
    results: str,
    resources: Resources,
    cluster: Cluster,
    progress: "Progress",
    tensorboard: bool,
    proposals: "Proposals | None" = None,
    plan: plans.Plan | None = None,
) -> bool:
    """Connect, run the first wave, then the trials; True if interrupted.

    Args:
        planned: the trials; of a search, trials that need all that its trials share.
        tensorboard: whether Tune writes what trials report as TensorBoard's event files, below its own state.
        plan: what to write beside the rows before the first wave; a search writes its own.
    """
    results = places.place(results, "results")  # workers have another working directory
    with clusters.connection(cluster, resources):
        try:
            probe = clusters.check_seen(results)
        except InputError:
            files.remove_if_empty(results, PROBES)  # a refused sweep leaves nothing behind
            raise
        common = {"results": results, "threads": resources.threads, "gpus": resources.gpus_per_trial, "probe": probe}
        try:
            with in_use.sweeping(results, probe):
                clusters.check_gpus(resources, planned)
                _write(plan, results)
                _first_wave(planned, resources, common)
                trials = planned if proposals is None else proposals
                return _run_tune(trials, resources, cluster.tune_folder(results), common, progress, tensorboard)
        finally:
            _forget(results, probe)


def _run_tune(
    trials: "list[TrialConfig] | Proposals",
    resources: Resources,
    storage: str,
    common: dict[str, Any],
    progress: "Progress",
    tensorboard: bool,
) -> bool:
    """Run trials under Tune; True if interrupted.

    Args:
        trials: those of a grid, or a search that proposes them.
        storage: where Tune keeps its own state.
        common: parameters that every trial gets.
    """
    from ray import tune

    from trainables.trial.ray_trainable import run_trial

    # What Tune logs of a lost worker stands in our own line and in the trial's row.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    if isinstance(trials, list):
        searcher, space = None, {"trial": tune.grid_search([flatten(config) for config in trials]), **common}
    else:
        from study.searcher import RowsSearcher

        searcher, space = RowsSearcher(trials, common), {}
    tuner = tune.Tuner(
        tune.with_resources(run_trial, {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial}),
        param_space=space,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            num_samples=-1 if searcher else 1,  # the searcher says when its budget is spent
            max_concurrent_trials=resources.max_concurrent,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            # Never a name that is there: Tune would reuse it, and two sweeps may start in one second.
            name=f"{schemas.now():sweep-%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}",
            storage_path=storage,
            callbacks=[progress, *([tune.logger.TBXLoggerCallback()] if tensorboard else [])],
            failure_config=tune.FailureConfig(max_failures=resources.max_failures),
            verbose=0,
        ),
    )
    with progress:
        tuner.fit()
    for config, error in progress.lost:
        _record_loss(config, error, common["results"])
    return progress.watched.unfinished > 0


def shared_work(planned: list[TrialConfig]) -> list[dict[str, Any]]:
    """What trials have in common: one entry per training of a network and sample size, with all layers and noise stds.

    >>> from trainables.settings import replace
    >>> noisy = replace(TrialConfig(), {"mine.noise_std": 0.3})
    >>> [work["noise_stds"] for work in shared_work([TrialConfig(), noisy])]
    [[0.0, 0.3]]
    """
    work: dict[tuple[Any, ...], dict[str, Any]] = {}
    for config in planned:
        populations = (network_key(config), config.mine_samples, config.mine.held_out, config.mine.null)
        shared = work.setdefault(populations, {"trial": flatten(config), "layers": [], "noise_stds": [0.0]})
        shared["layers"] += [layer for layer in config.layers if layer not in shared["layers"]]
        if config.mine.noise_std not in shared["noise_stds"]:
            shared["noise_stds"].append(config.mine.noise_std)
    return list(work.values())


def _first_wave(planned: list[TrialConfig], resources: Resources, common: dict[str, Any]) -> None:
    """Train every network and compute its truths once, before the trials that share them.

    A task that fails stops nothing: its trials do the work themselves, and leave a row with the error if they
    cannot.
    """
    import ray

    from trainables.trial.ray_trainable import prepare

    # Not by `options`: only here does Ray see that a process with a GPU must end with its task, and free the memory.
    task = ray.remote(
        num_cpus=resources.cpus_per_trial, num_gpus=resources.gpus_per_trial, max_retries=resources.max_failures
    )(prepare)
    waiting = shared_work(planned)
    running: dict[Any, dict[str, Any]] = {}
    total, done, start = len(waiting), 0, time.monotonic()
    print(f"first wave: {counted(total, 'network')} and their truths; those already there are read")
    while waiting or running:
        while waiting and len(running) < (resources.max_concurrent or total):
            work = waiting.pop(0)
            running[task.remote({**work, **common})] = work["trial"]
        (ended,), _ = ray.wait(list(running))
        trial, done = running.pop(ended), done + 1
        label = f"{trial['network.name']} on {trial['data.name']} seed {trial['seed']}"
        try:
            ray.get(ended)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            print(f"first wave: {label} failed ({reason}); its trials try for themselves")
            continue
        print(f"first wave: {done}/{total} after {time.monotonic() - start:.0f} s: {label}")


def _record_loss(config: TrialConfig, error: str, results: str) -> None:
    """A trial whose worker was lost too often becomes a row with its error, as one that raised does."""
    try:
        if records.trial_state(results, key(config)) is None:
            records.write_trial(results, failed_parts(config, torch.device("cpu"), error))
    except OSError as failure:
        print(f"results {results!r} cannot be written ({failure}); what is there is kept, and the same command resumes")


def _forget(results: str, probe: str) -> None:
    """Remove the sweep's probe; a folder that cannot be written any more keeps it."""
    try:
        files.delete_snapshot(results, PROBES, probe)
    except OSError as failure:
        print(f"results {results!r} cannot be written ({failure}); what is there is kept, and the same command resumes")
