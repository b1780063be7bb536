"""A sweep: what is missing of its trials, run as a Ray Tune experiment."""

import logging
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from study import amounts, cluster
from study.resources import Resources
from trainables import places, records
from trainables.estimators import memory
from trainables.records import files, plans, schemas
from trainables.records.layout import TUNE
from trainables.sentences import counted
from trainables.settings import TrialConfig, key, labels, network_key
from trainables.subjects.data import chosen
from trainables.subjects.own import PROBED
from trainables.trial.recorded import failed_parts

if TYPE_CHECKING:
    from study.live import Watch
    from study.searcher import Searcher

# No tables of Tune's own, no usage report, no loggers of Tune's own: set before Ray is imported.
for _name, _value in {
    "RAY_AIR_NEW_OUTPUT": "0", "RAY_USAGE_STATS_ENABLED": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"
}.items():  # fmt: skip
    os.environ.setdefault(_name, _value)


@dataclass(frozen=True)
class Outcome:
    """Keys of a sweep's trials by what became of them; `missing` have no row."""

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


def check(planned: list[TrialConfig], results: str, resources: Resources) -> None:
    """Find what would stop trials before the first one starts.

    Raises:
        InputError: if a trial takes more memory than this machine has where it runs on its processors, the results
            cannot be written, or a data set cannot be loaded.
    """
    trained = [config for config in planned if config.network.name != PROBED]
    if resources.address == "local" and not resources.gpus_per_trial:
        for config in trained:
            memory.check_trial(config, torch.device("cpu"))
    files.check_writable(results)
    for data in dict.fromkeys(config.data for config in trained):
        chosen(data)
    for config in trained:
        config.check_sizes()


def launch(
    study: str, planned: list[TrialConfig], results: str, resources: Resources, tensorboard: bool = False
) -> Outcome:
    """Run the planned trials that have not completed yet, on this machine or a cluster.

    Unfinished trials resume from their checkpoints. Returns when all have ended, on Ctrl-C or SIGTERM.

    Args:
        study: name of the study, for the plan that is written beside the rows once nothing can refuse the sweep.
        tensorboard: whether Tune writes what trials report as TensorBoard's event files, in `tune` beside the rows.

    Raises:
        InputError: if the cluster cannot be reached, its nodes do not see the results as one folder, it does not
            have the resources that one trial asks for, or PyTorch cannot use its GPUs where trials get them.
    """
    done = set(outcome(planned, results).completed)
    missing = [config for config in planned if key(config) not in done]
    plan = plans.Plan(study, tuple(planned))
    if not missing:
        plans.write(results, plan)
        return outcome(planned, results)
    with _ready(missing, results, resources) as parameters:
        from study.live import Watch

        plans.write(results, plan)
        _train_networks(missing, resources, parameters)
        label = dict(zip(planned, labels(planned), strict=True)).__getitem__
        watch = Watch(f"study {study}", label, lambda: len(planned), lambda: len(done))
        _tune(watch, missing, parameters, resources, tensorboard)
    return outcome(planned, results, interrupted=watch.ended < len(missing))


def launch_search(searcher: "Searcher", resources: Resources, tensorboard: bool = False) -> None:
    """Run a search's trials until its budget is spent, or until Ctrl-C or SIGTERM.

    Raises:
        InputError: as `launch`.
    """
    if not searcher.waits():
        return
    search, shared = searcher.search, searcher.search.shared()
    with _ready(shared, searcher.results, resources) as parameters:
        from study.live import Watch

        _train_networks(shared, resources, parameters)
        watch = Watch(f"search {search.name}", search.label, lambda: searcher.search.total, lambda: searcher.read)
        _tune(watch, searcher, parameters, resources, tensorboard)


@contextmanager
def _ready(planned: list[TrialConfig], results: str, resources: Resources) -> Iterator[dict[str, Any]]:
    """Ray, connected to and found fit for these trials; gives the trainable's parameters besides the trial."""
    results = places.place(results, "results")  # workers have another working directory
    print(f"{'starting' if resources.address == 'local' else 'connecting to'} Ray", flush=True)
    with cluster.connection(resources, planned), cluster.marked(results) as mark:
        cluster.check_gpus(resources, planned)
        yield {"results": results, "mark": mark, "threads": resources.threads, "gpus": resources.gpus_per_trial}


def _tune(
    watch: "Watch",
    trials: "list[TrialConfig] | Searcher",
    parameters: dict[str, Any],
    resources: Resources,
    tensorboard: bool,
) -> None:
    """Run trials under Tune: those of a grid, or those that a search proposes."""
    from ray import tune

    from trainables.trial.ray_trainable import run_trial

    # What Tune logs of a lost worker is in our own line and in the trial's row.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    if isinstance(trials, list):
        searcher, space = None, {"trial": tune.grid_search(trials), **parameters}
    else:
        searcher, space = trials, {}
        searcher.parameters = parameters
    with tempfile.TemporaryDirectory(prefix="mine-study-") as folder:  # Tune's own state, which nothing reads again
        store = None
        if tensorboard:
            store, root = files.filesystem(parameters["results"])
            folder = f"{root}/{TUNE}"
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
                storage_path=folder,
                storage_filesystem=store,
                callbacks=[watch, *([tune.logger.TBXLoggerCallback()] if tensorboard else [])],
                failure_config=tune.FailureConfig(max_failures=resources.max_failures),
                verbose=0,
            ),
        )
        with watch:
            tuner.fit()
    for config, error in watch.lost:
        _record_loss(config, error, parameters["results"])


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
        shared = work.setdefault(populations, {"trial": config, "layers": [], "noise_stds": [0.0]})
        shared["layers"] += [layer for layer in config.layers if layer not in shared["layers"]]
        if config.mine.noise_std not in shared["noise_stds"]:
            shared["noise_stds"].append(config.mine.noise_std)
    return list(work.values())


def _train_networks(planned: list[TrialConfig], resources: Resources, parameters: dict[str, Any]) -> None:
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
    running: dict[Any, TrialConfig] = {}
    total, done, start = len(waiting), 0, time.monotonic()
    print(f"training {counted(total, 'network')} and computing the truths; what is there already is read", flush=True)
    while waiting or running:
        while waiting and len(running) < (resources.max_concurrent or total):
            work = waiting.pop(0)
            running[task.remote({**work, **parameters})] = work["trial"]
        (ended,), _ = ray.wait(list(running))
        config, done = running.pop(ended), done + 1
        said = f"ready after {amounts.duration(time.monotonic() - start)}"
        try:
            ray.get(ended)
        except ray.exceptions.RayError as error:
            said = f"failed ({str(error).strip().splitlines()[-1]}), so its trials try for themselves"
        network = f"{config.network.name} on {config.data.name}, seed {config.seed}"
        print(f"network {done} of {total} {said}: {network}", flush=True)


def _record_loss(config: TrialConfig, error: str, results: str) -> None:
    """A trial whose worker was lost too often becomes a row with its error, as one that raised does."""
    try:
        if records.trial_state(results, key(config)) is None:
            records.write_trial(results, failed_parts(config, torch.device("cpu"), error))
    except OSError as failure:
        print(f"results {results!r} cannot be written ({failure}); what is there is kept, and the same command resumes")
