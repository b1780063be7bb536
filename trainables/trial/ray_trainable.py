"""Tune's function around a trial: resources, restore, report. The one file of trainables that knows Ray."""

import logging
import os
import platform
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from ray import tune

from trainables import devices, objectives, records, verdict
from trainables.records import files
from trainables.settings import InputError, key
from trainables.trial import network_run
from trainables.trial import recorded as trial
from trainables.trial.schedule import Checkpoint

logger = logging.getLogger(__name__)

PRETENDED = "MINE_STUDY_PRETENDED_GPUS"
"""Environment variable, for tests: where it is set, Ray's GPUs are pretended and trials that get one run on the CPU."""


def run_trial(parameters: dict[str, Any]) -> None:
    """Run one trial and report after every run of MINE; its rows go to the results folder.

    Args:
        parameters: `trial` (the configuration), `results` (folder or URI), `threads`, `gpus` (the share of one that
            this process may use) and `mark` (the sweep's file in the results folder).

    A trial that another sweep has completed meanwhile is left as it is. One that raises leaves a row with its error
    and ends normally, since a retry would raise again; what Tune retries is the loss of a worker, a node, or a GPU.

    Raises:
        InputError: on a node that sees another folder under the results' name, or that has no usable GPU for a trial
            that gets one.
        RuntimeError: if the GPU is lost to this process, or has too little memory left: Tune then starts another
            process, in which the trial resumes from its checkpoint.
    """
    config, results = parameters["trial"], parameters["results"]
    files.check_seen(results, parameters["mark"])
    if records.trial_state(results, key(config)) == "completed":
        tune.report({"state": "completed"})
        return
    # Actors are reused: nothing but the configuration may decide what this trial does.
    torch.set_num_threads(parameters["threads"])
    device = device_of(parameters["gpus"])
    counts: dict[str, int] = {}
    try:
        for progress in trial.run(config, results, device):
            counts = _counts(progress)
            position = {"epoch": progress.epoch, "run": progress.run, "runs": config.runs}
            tune.report({"state": "running", **position, **counts, **_levels(progress)})
        tune.report({"state": "completed", "epoch": config.network.epochs - 1, **counts})
    except Exception as error:
        logger.exception("trial %s failed", key(config))
        if _is_lost(device, error) or records.trial_state(results, key(config)) != "failed":
            raise  # Tune tries again in another process: this one is of no use, or the row could not be written
        tune.report({"state": "failed", "error": f"{type(error).__name__}: {error}", **counts})


def prepare(parameters: dict[str, Any]) -> None:
    """Train one network and compute its truths, and publish both for the trials that share them.

    Args:
        parameters: `trial` (one of these trials), `layers` and `noise_stds` (of all of them),
            and the rest as in `run_trial`.
    """
    config, results = parameters["trial"], parameters["results"]
    files.check_seen(results, parameters["mark"])
    torch.set_num_threads(parameters["threads"])
    device = device_of(parameters["gpus"])
    trained, probed = network_run.subject(config, device, results, lambda name: nullcontext())
    for epoch in config.probe_epochs:
        outputs = trained.outputs(config, epoch, probed, parameters["layers"])
        for part, rows in network_run.parts(config, probed).items():
            of_part = network_run.samples(config, probed, outputs, rows)
            network_run.obtain_truths(config, part, epoch, of_part, parameters["noise_stds"], results)


def device_of(gpus: float) -> torch.device:
    """The device of a process with this share of a GPU, 0 for the CPU; the share bounds the GPU's memory there.

    The bound holds for PyTorch's tensors; each process's CUDA context comes on top.

    Raises:
        InputError: if it has a share of a GPU that PyTorch cannot compute on.
    """
    if not gpus or os.environ.get(PRETENDED):
        return torch.device("cpu")
    if reason := devices.why_unusable("cuda"):
        raise InputError(
            f"gpus_per_trial is {gpus:g}, and PyTorch {torch.__version__} cannot use the GPU of node {platform.node()} "
            f"({reason}); it must be 0 where GPUs are not usable."
        )
    device = devices.choose_device("cuda")
    torch.cuda.set_per_process_memory_fraction(float(gpus), device)
    return device


def _is_lost(device: torch.device, error: Exception) -> bool:
    """Whether a GPU's error may be this process's or a neighbour's rather than the trial's.

    Memory that has run out may be a neighbour's doing, and many of CUDA's errors stay: every later call raises them.
    """
    if isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError):
        return True
    return device.type == "cuda" and bool(devices.why_unusable(str(device)))


def _counts(progress: Checkpoint) -> dict[str, int]:
    """Fits so far, and how many of each outcome."""
    outcomes = np.concatenate([verdict.outcome(rows.to_pandas()) for rows in progress.rows["estimates"]])
    return {"fits": len(outcomes), **{f"{name}_fits": int((outcomes == name).sum()) for name in verdict.OUTCOMES}}


def _levels(progress: Checkpoint) -> dict[str, float]:
    """The last run's pairs, in nats: `bound/PAIR`, `truth/PAIR`, `optimum/PAIR`; and the median of bound by truth.

    A bound is the mean estimate of the replicates that did not explode; a pair that has none has no bound. The median
    is NaN if no pair counts (`objectives.estimate_by_truth`).
    """
    fits = progress.rows["estimates"][-1].to_pandas()
    fits["bound"] = fits["estimate"].where(verdict.outcome(fits) != "exploded")
    pairs = fits.groupby("pair", sort=False)[["bound", "truth", "optimum"]].mean()
    shown = {f"{name}/{pair}": float(value) for name in pairs for pair, value in pairs[name].items()}
    levels = {name: value for name, value in shown.items() if np.isfinite(value)}
    return {**levels, "bound_by_truth": float(objectives.estimate_by_truth(fits).mean())}
