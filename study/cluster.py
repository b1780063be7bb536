"""The Ray that a sweep runs on: connecting to it, and checks on its nodes before the first trial."""

import importlib
import logging
import operator
import signal
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from study.resources import Resources
from trainables.errors import require
from trainables.records import files, in_use
from trainables.records.layout import PROBES
from trainables.settings import InputError, TrialConfig
from trainables.subjects import own

_CONNECT_SECONDS = 10
"""Ray itself tries for minutes to reach an address where nothing listens."""

_ANSWER_SECONDS = 120
"""A node unpacks the code and starts a worker before it first answers."""


@contextmanager
def connection(resources: Resources, planned: Sequence[TrialConfig] = ()) -> Iterator[None]:
    """A connection to Ray, closed at the end; within it, SIGTERM interrupts as Ctrl-C does.

    The code goes along, also that of people's own networks and data sets, which are files or packages here.

    Raises:
        InputError: if there is no cluster at the address, it refuses this client, or no trial fits into it.
    """
    import ray

    try:
        _connect(resources.address, planned)
    except SystemExit as ended:  # Ray's handler of SIGTERM while it connects
        raise KeyboardInterrupt from ended
    # Ray's handler would exit at once and leave Tune's state unsaved.
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        if not resources.autoscaling:
            _check_resources(ray.cluster_resources(), resources)
        yield
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> None:
    """Do what Ctrl-C would, also in a command that a shell started in the background, where Ctrl-C is ignored."""
    handler = signal.getsignal(signal.SIGINT)
    if handler in (signal.SIG_IGN, signal.SIG_DFL, None):
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _connect(address: str, planned: Sequence[TrialConfig]) -> None:
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        try:
            ray.init(address="local", include_dashboard=False, **quiet)
        except Exception as error:  # Ray raises bare ones, as where the machine is too busy for its processes to start
            raise InputError(f"Ray cannot be started on this machine ({_first_line(error)}).") from error
        return
    if address != "auto":
        _check_listens(address)
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        ray.init(address=address, runtime_env=_code(planned), **quiet)
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(
            f"address {address!r} cannot be used ({_first_line(error)}); it must be the head of a Ray cluster "
            "with this Ray and Python version, and RAY_AUTH_MODE and the token must be the cluster's."
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__


def _check_listens(address: str) -> None:
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise InputError(
            f"address {address!r} cannot be reached ({error}); it must be the head of a Ray cluster."
        ) from error


def _code(planned: Sequence[TrialConfig]) -> dict[str, Any]:
    """The packages that trials need as they are here, so that every node runs the same code uninstalled."""
    import study
    import trainables
    from trainables.trial import provenance

    commit = provenance.git_commit()
    variables = {provenance.COMMIT_VARIABLE: commit} if commit else {}
    named = {path: operator.attrgetter(path) for path in ("network.name", "data.name")}
    given = {(get(one), path) for one in planned for path, get in named.items() if own.is_own(get(one))}
    # Of a module in a package the whole package.
    modules = {importlib.import_module(own.module(*one).__name__.partition(".")[0]) for one in given}
    return {"py_modules": [trainables, study, *modules], "env_vars": variables}


def _check_resources(available: dict[str, float], resources: Resources) -> None:
    for field, name in (("cpus_per_trial", "CPU"), ("gpus_per_trial", "GPU")):
        wanted, there = getattr(resources, field), available.get(name, 0)
        require(wanted <= there, field, wanted, f"at most {there:g}, the {name}s that Ray found")


@contextmanager
def marked(results: str) -> Iterator[str]:
    """A file in the results folder, removed at the end, by which every node shows that it sees the same folder.

    The nodes that are there are asked at once; one that joins later is held to the file by its trials.

    Yields:
        The file's name, for `files.check_seen`.

    Raises:
        InputError: if a node sees another folder under this name, or cannot write to it, or the folder is being packed.
    """
    import ray

    mark = uuid.uuid4().hex
    try:
        with in_use.sweeping(results, mark):
            task = ray.remote(num_cpus=0, max_retries=3)(_see)
            for address, reason, _ in _ask(ray.nodes(), task, results, mark):
                if reason:
                    raise InputError(
                        f"results {results!r} is not one folder for all nodes (node {address}: {reason}); it must be "
                        f"on a file system that every node mounts, such as NFS, or a URI such as s3://BUCKET/FOLDER."
                    )
            yield mark
    finally:
        with suppress(OSError):  # a folder that cannot be written any more keeps an empty file
            files.delete_snapshot(results, PROBES, mark)
        files.remove_if_empty(results, PROBES)  # a refused sweep leaves nothing behind


def check_gpus(resources: Resources, planned: Sequence[TrialConfig]) -> None:
    """Have a process on every node with GPUs use its share of one, as a trial will.

    A node whose GPUs are taken, or that joins later, is passed over: its trials find out for themselves.

    Raises:
        InputError: if PyTorch cannot use the GPU of a node, or the largest trial does not fit into the share.
    """
    if not (gpus := resources.gpus_per_trial):
        return
    import ray

    from trainables.estimators import memory

    nodes = [node for node in ray.nodes() if node["Resources"].get("GPU", 0) >= gpus]
    task = ray.remote(num_cpus=0, num_gpus=gpus, max_retries=3)(_use_gpu)
    for _, reason, answered in _ask(nodes, task, gpus, memory.largest(planned, "cuda")):
        if answered and reason:
            raise InputError(reason)


def _ask(nodes: Sequence[dict[str, Any]], task: Any, *given: object) -> Iterator[tuple[str, str, bool]]:
    """Run a task on every node: its address, what is wrong there (or nothing), and whether the task itself said so."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = {
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            *given
        ): node
        for node in nodes
        if node["Alive"]
    }
    answered, late = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_SECONDS) if asked else ([], [])
    for one in late:
        ray.cancel(one, force=True)
        yield asked[one]["NodeManagerAddress"], f"no answer within {_ANSWER_SECONDS} s", False
    for one in answered:
        try:
            yield asked[one]["NodeManagerAddress"], ray.get(one), True
        except ray.exceptions.RayError as error:
            alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
            if asked[one]["NodeID"] in alive:
                yield asked[one]["NodeManagerAddress"], str(error).strip().splitlines()[-1], False


def _see(results: str, mark: str) -> str:
    """On a node: why it cannot be used for these results; empty if it can."""
    try:
        files.check_seen(results, mark)
        files.check_writable(results)
    except (InputError, OSError) as error:
        return str(error).rstrip(".")
    return ""


def _use_gpu(gpus: float, trial: TrialConfig) -> str:
    """On a node: why a trial's share of a GPU cannot be used, or not by this trial; empty if it can."""
    from trainables.estimators import memory
    from trainables.trial import ray_trainable

    try:
        device = ray_trainable.device_of(gpus)
        if device.type == "cuda":  # not where GPUs are pretended
            memory.check_share(trial, gpus, device)
    except InputError as error:
        return str(error)
    return ""
