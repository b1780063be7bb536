"""The Ray that a sweep runs on: reaching it, shipping the code, and whether its nodes see the results."""

import logging
import re
import signal
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from study.resources import Resources
from trainables import places
from trainables.records import files
from trainables.records.layout import PROBES, TUNE
from trainables.settings import InputError, TrialConfig, flatten, unflatten

_CONNECT_SECONDS = 10
"""Ray itself tries for minutes to reach an address where nothing listens."""

_PROBE_SECONDS = 120
"""A node unpacks the code and starts a worker before its first probe."""


@dataclass(frozen=True)
class Cluster:
    """Where a sweep runs."""

    address: str = "local"
    """Ray cluster: local (this machine), auto (the one that this machine belongs to), or HOST:PORT of its head."""
    storage: str | None = None
    """Folder or URI for Tune's own state, which only this process uses; unset: RESULTS/tune."""
    autoscaling: bool = False
    """The cluster's autoscaler brings nodes when trials wait: do not refuse what no node has yet."""

    def __post_init__(self) -> None:
        port = re.fullmatch(r"[^:/\s]+:(\d+)", self.address)
        if self.address not in ("local", "auto") and not (port and 0 < int(port[1]) < 65536):
            raise InputError(f"address is {self.address!r}; it must be local, auto, or HOST:PORT of a Ray head.")

    def tune_folder(self, results: str) -> str:
        """Where Tune keeps its own state: the storage, else beside the records."""
        if self.storage is None:
            return inside(places.place(results, "results"), TUNE)
        return places.place(self.storage, "storage")


def inside(place: str, name: str) -> str:
    """A folder inside a place; a URI keeps its options.

    >>> inside("s3://bucket/demo?region=eu-central-1", "tune")
    's3://bucket/demo/tune?region=eu-central-1'
    >>> inside("/results/demo/", "tune")
    '/results/demo/tune'
    """
    path, mark, options = place.partition("?") if "://" in place else (place, "", "")
    return f"{path.rstrip('/')}/{name}{mark}{options}"


@contextmanager
def connection(cluster: Cluster, resources: Resources) -> Iterator[None]:
    """A connection to the cluster, closed at the end; SIGTERM then interrupts as Ctrl-C does.

    Raises:
        InputError: if there is no cluster at the address, it refuses this client, or no trial fits into it.
    """
    import ray

    try:
        _connect(cluster)
    except SystemExit as ended:  # Ray's handler of SIGTERM while it connects
        raise KeyboardInterrupt from ended
    # Ray's handler would exit at once and leave Tune's state unsaved.
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        if not cluster.autoscaling:
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


def _connect(cluster: Cluster) -> None:
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if cluster.address == "local":
        try:
            ray.init(address="local", include_dashboard=False, **quiet)
        except Exception as error:  # Ray raises bare ones, as where the machine is too busy for its processes to start
            raise InputError(f"Ray cannot be started on this machine ({_first_line(error)}).") from error
        return
    if cluster.address != "auto":
        _check_listens(cluster.address)
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        ray.init(address=cluster.address, runtime_env=_code(), **quiet)
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(
            f"address {cluster.address!r} cannot be used ({_first_line(error)}); it must be the head of a Ray cluster "
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


def _code() -> dict[str, Any]:
    """The packages that trials need as they are here, so that every node runs the same code uninstalled."""
    import study
    import trainables
    from trainables.trial import provenance

    commit = provenance.git_commit()
    variables = {provenance.COMMIT_VARIABLE: commit} if commit else {}
    return {"py_modules": [trainables, study], "env_vars": variables}


def _check_resources(available: dict[str, float], resources: Resources) -> None:
    for field, name in (("cpus_per_trial", "CPU"), ("gpus_per_trial", "GPU")):
        wanted, there = getattr(resources, field), available.get(name, 0)
        if wanted > there:
            raise InputError(f"{field} is {wanted}; it must be at most {there:g}, the {name}s that Ray found.")


def check_seen(results: str) -> str:
    """Have every node read a file from the results folder and write one there, and read those back.

    Nodes that join later are held to the same file by their trials (`files.check_seen`).

    Returns:
        The file's name, to be removed by `files.delete_snapshot(results, PROBES, name)`.

    Raises:
        InputError: if a node sees another folder under this name, or cannot write to it.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    sweep = uuid.uuid4().hex
    files.write_snapshot(results, PROBES, sweep, sweep.encode())
    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    answers = {}
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        probe = ray.remote(_probe).options(num_cpus=0, max_retries=3, scheduling_strategy=there)
        answers[probe.remote(results, sweep, node)] = node
    try:
        for answer, node in answers.items():
            reason = _reason(answer, node, results, sweep)
            if reason:
                raise InputError(
                    f"results {results!r} is not one folder for all nodes (node {nodes[node]}: {reason}); it must be "
                    f"on a file system that every node mounts, such as NFS, or a URI such as s3://BUCKET/FOLDER."
                )
    except InputError:
        files.delete_snapshot(results, PROBES, sweep)
        raise
    finally:
        for node in nodes:
            files.delete_snapshot(results, PROBES, f"{sweep}-{node}")
    return sweep


def check_gpus(resources: Resources, planned: Sequence[TrialConfig]) -> None:
    """Have a process on every node with GPUs use its share of one, as a trial will.

    Nodes whose GPUs are taken, or that join later, are passed over: their trials find out for themselves.

    Raises:
        InputError: if PyTorch cannot use the GPU of a node, or the largest trial does not fit into the share.
    """
    if not resources.gpus_per_trial:
        return
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from trainables.estimators import memory

    gpus, answers = resources.gpus_per_trial, []
    trial = flatten(memory.largest(planned, "cuda"))
    probe = ray.remote(num_cpus=0, num_gpus=gpus, max_retries=3)(_use_gpu)
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("GPU", 0) >= gpus:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            answers.append(probe.options(scheduling_strategy=there).remote(gpus, trial))
    if not answers:
        return
    answered, waiting = ray.wait(answers, num_returns=len(answers), timeout=_PROBE_SECONDS)
    for answer in waiting:
        ray.cancel(answer, force=True)
    for answer in answered:
        try:
            reason = ray.get(answer)
        except ray.exceptions.RayError:
            continue  # the node has gone meanwhile
        if reason:
            raise InputError(reason)


def _use_gpu(gpus: float, trial: dict[str, Any]) -> str:
    """On a node: why a trial's share of a GPU cannot be used, or not by this trial; empty if it can."""
    from trainables.estimators import memory
    from trainables.trial import ray_trainable

    try:
        device = ray_trainable.device_of(gpus)
        if device.type == "cuda":  # not where GPUs are pretended
            memory.check_share(unflatten(trial), gpus, device)
    except InputError as error:
        return str(error)
    return ""


def _probe(results: str, sweep: str, node: str) -> str:
    """On a node: read the driver's file, write the node's; returns what is wrong, or nothing."""
    try:
        files.check_seen(results, sweep)
        files.write_snapshot(results, PROBES, f"{sweep}-{node}", node.encode())
    except (InputError, OSError) as error:
        return str(error).rstrip(".")
    return ""


def _reason(answer: Any, node: str, results: str, sweep: str) -> str:
    """Why a node cannot be used for these results; empty if it can, or has gone meanwhile."""
    import ray

    try:
        if reason := ray.get(answer, timeout=_PROBE_SECONDS):
            return reason
    except ray.exceptions.GetTimeoutError:
        return f"no answer within {_PROBE_SECONDS} s"
    except ray.exceptions.RayError as error:
        alive = node in {one["NodeID"] for one in ray.nodes() if one["Alive"]}
        return str(error).strip().splitlines()[-1] if alive else ""
    found = files.read_snapshot(results, PROBES, f"{sweep}-{node}")
    return "" if found is not None else "what it wrote there cannot be read here"
