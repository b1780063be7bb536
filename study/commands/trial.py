"""`mine-study trial` and `validate`: on this machine, without Ray."""

import os
import shlex
import sys
from typing import Annotated, Any

import tyro

from trainables.errors import require
from trainables.sentences import counted
from trainables.settings import InputError, TrialConfig, key


def trial(
    config: Annotated[TrialConfig, tyro.conf.arg(name="")] = TrialConfig(),  # noqa: B008  # frozen
    results: str = "results/trial",
    device: str | None = None,
    threads: int | None = None,
) -> int:
    """Run one trial, without Ray, on this machine's GPU or CPU.

    Args:
        results: Folder or URI for the trial's rows; an interrupted trial resumes from its checkpoint.
        device: cpu, cuda or cuda:N; None: the GPU if there is one.
        threads: CPU threads; None: as many as there are processors.
    """
    config = config.with_sources()
    print(f"trial {key(config)}: {config.network.name}, its truths, then MINE", flush=True)
    import torch  # which takes seconds

    from trainables import devices, verdict
    from trainables.estimators import memory
    from trainables.records import files
    from trainables.subjects import data
    from trainables.trial import recorded as one_trial

    torch.set_num_threads(_threads(threads))
    chosen = devices.choose_device(device)
    memory.check_trial(config, chosen)
    files.check_writable(results)
    config.check_sizes()  # one's own data set is loaded for it
    data.chosen(config.data)  # what is wrong with the data is said before the trial starts
    if config.mine.epochs < (least := verdict.VerdictRule().least_epochs):
        print(
            f"mine.epochs is {config.mine.epochs}: fits of fewer than {least} are too short to be judged; none settles"
        )
    print(f"on {chosen} with {counted(torch.get_num_threads(), 'thread')}", flush=True)
    progress = None
    try:
        for progress in one_trial.run(config, results, chosen):
            print(_run_lines(progress))
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
    usable = threads is None or 1 <= threads <= there
    require(usable, "threads", threads, f"from 1 to {there}, this machine's processors")
    return threads or there


def _run_lines(progress: Any) -> str:
    """A run in lines: accuracy, and per pair its estimates and their outcomes, truth and optimum."""
    from trainables import verdict

    rows = progress.rows["estimates"][-1].to_pandas()
    rows["outcome"], rows["exploded"] = verdict.outcome(rows), verdict.exploded_epoch(rows)
    where = f"{progress.config.network.name} epoch {progress.epoch}: accuracy {progress.accuracy:.1%}"
    lines = [f"{where}; MINE run {progress.run}, nats by replicate:"]
    by_pair = {pair: list(fits.itertuples()) for pair, fits in rows.groupby("pair", sort=False)}
    shown = {pair: ", ".join(map(_fit, fits)) for pair, fits in by_pair.items()}
    width = max(map(len, shown.values()))
    for pair, (first, *_) in by_pair.items():
        known = f"truth {_nats(first.truth)}, optimum {_nats(first.optimum)}"
        lines.append(f"  {pair:11s} {shown[pair]:{width}s}  {known}")
    return "\n".join(lines)


def _fit(fit: Any) -> str:
    epoch = f" (epoch {fit.exploded:.0f})" if fit.outcome == "exploded" else ""
    return f"{_nats(fit.estimate)} {fit.outcome}{epoch}"


def _nats(value: float) -> str:
    if value != value:
        return "-"
    return f"{round(value, 2) + 0:.2f}" if abs(value) < 1e6 else f"{value:.0e}"


def validate(
    only: tuple[str, ...] = (), bounds: tuple[str, ...] = (), seed: int = 0, threads: int | None = None
) -> int:
    """Run MINE on problems with known answers; exit code 1 if one that must pass does not.

    Args:
        only: Problems to run, by name; none: all.
        bounds: Bounds to run, by name, or all; none: donsker_varadhan.
        seed: Seed of samples, noise and weights.
        threads: CPU threads; None: as many as there are processors.
    """
    import torch

    from trainables.estimators import given
    from trainables.estimators import validate as known_answers

    torch.set_num_threads(_threads(threads))
    known_answers.chosen(only)
    seed = given.seed(seed)
    return 0 if known_answers.report(only, seed, known_answers.chosen_bounds(bounds)) else 1
