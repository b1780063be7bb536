"""Does *settled* mean settled? Fits, each trained again four times as long: what the first quarter foretold.

    python -m tests.benchmarks.outcomes --json FILE

A fit that the rule calls settled must end within 10 % (or 0.05 nats) of where it was when it is trained four
times as long. Each fit below is trained for its normal length and, from the same weights, batches and noise, for four
times that. The first normal length is judged; the end of the long fit says whether the word was right. Fits are
problems with known answers (`mine-study validate`), LeNet-5's layers on digits and, where $MINE_STUDY_DATA is set, on
MNIST, with and without noise. The rule was chosen on seeds 0 to 5 and is reported on seeds 6 and 7.

Writes, of the fits of the reported seeds that are neither exploded, collapsed nor stuck:

- `settled_that_moved`: of those called settled, the share that moved, by the first rule (`old`) and the present one
  (`new`);
- `refused_that_held`: of those that did not move, the share called unsettled;
- `settled`: the number of fits that the present rule called settled.
"""

import argparse
import functools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from tests import lenet5
from tests.benchmarks.measure import write_json
from trainables import truth, verdict
from trainables.draws import generator
from trainables.estimators import mine, problems, validate
from trainables.estimators.mine import Curves, Samples
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.optima import Known, divergence
from trainables.settings import DataConfig, MineConfig, NetworkConfig, ScheduleConfig, TrialConfig
from trainables.subjects import data, official
from trainables.trial import network_run

LONGER = 4
"""How many times as long as its normal length a fit is trained to see whether it had settled."""

MOVED_SHARE, MOVED_FLOOR = 0.10, 0.05
"""A fit moved if it ended further than this share, and this many nats, from where it was."""

CHOOSING, REPORTING = (4, 5), (6, 7)
"""Seeds on which the rule was chosen (0 to 3 as well, which are left out here to save time), and seeds on which it is
reported, which were not looked at before."""


@dataclass(frozen=True)
class Case:
    """One setting: LeNet-5's layers on a data set, or a problem of `mine-study validate`."""

    source: str
    config: MineConfig

    @property
    def name(self) -> str:
        c = self.config
        return (
            f"{self.source}, {c.marginals}, noise {c.noise_std:.2g}, architecture {c.architecture}, {c.epochs} epochs"
        )


@dataclass(frozen=True)
class Population:
    """What a case trains on, and the known answers of its pairs in nats."""

    samples: Samples | Callable[[int], Samples]
    shapes: dict[str, tuple[int, ...]]
    pairs: tuple[str, ...]
    ceilings: dict[str, float]
    truths: dict[str, float]
    optima: dict[str, float]


def _on_layers(source: str) -> list[Case]:
    """Settings on LeNet-5's layers: noise, units, architecture, marginals, learning rate."""
    common = MineConfig(replicates=2, hidden_units=20, learning_rate=1e-3, branch_units=20, epochs=100)
    settings = [
        common,
        replace(common, noise_std=1.0),
        replace(common, noise_std=1.0, architecture=3),
        replace(common, noise_std=0.3, marginals="independent", learning_rate=3e-4),
    ]
    if source == "mnist":
        shorter = [replace(one, epochs=50, samples=6_000) for one in settings]
        settings = [*shorter, replace(shorter[0], noise_std=2.0, hidden_units=100, epochs=30)]
    return [Case(source, one) for one in settings]


def cases() -> list[Case]:
    """Every setting; MNIST's where its files are."""
    found = []
    for problem in problems.PROBLEMS:
        several = ("permutation",) if problem.name.endswith("d = 20") else ("permutation", "independent")
        found += [Case(problem.name, validate.settings(problem, marginals)) for marginals in several]
    sources = ["digits", "mnist"] if os.environ.get(official.ROOT_VARIABLE) else ["digits"]
    found += [case for source in sources for case in _on_layers(source)]
    return [Case(case.source, replace(case.config, matmul_precision="highest")) for case in found]


def _of_problem(case: Case, seed: int) -> Population:
    """Fresh samples per epoch, as `mine-study validate` draws them."""
    problem = next(one for one in problems.PROBLEMS if one.name == case.source)
    optima, shapes = validate.optima(problem, case.config, seed), validate.shapes(problem, seed)
    pairs = tuple(problem.truths)

    def draw(epoch: int) -> Samples:
        return problem.draw(validate.SAMPLES, generator(seed, "validate", epoch))

    return Population(draw, shapes, pairs, dict.fromkeys(pairs, problem.ceiling), problem.truths, dict(optima))


def _of_layers(case: Case, seed: int, shared: str) -> Population:
    """LeNet-5's outputs after a few epochs; its run and its truths are kept in `shared` for the other cases."""
    is_mnist = case.source == "mnist"
    trained = NetworkConfig(
        epochs=5 if is_mnist else 9,
        learning_rate=0.01,
        batch_size=64,
        train_samples=12_000 if is_mnist else None,
    )
    config = TrialConfig(seed, DataConfig(case.source), trained, ScheduleConfig(4), case.config)
    images = data.chosen(config.data)
    probed = images.train.subset(case.config.samples)
    run = network_run.obtain(config, images, shared)
    std, epoch = case.config.noise_std, config.probe_epochs[-1]
    outputs = run.outputs(config, epoch, probed, config.layers)
    known = network_run.obtain_truths(config, "fitted", epoch, outputs, probed.labels, {0.0, std}, shared)
    ceilings = {"X": truth.entropy(probed.inputs), "Y": truth.entropy(probed.labels)}
    of_layer = {pair: known[pair[2:], std].of(pair[0]) for pair in case.config.pairs}
    return Population(
        Samples(probed.inputs.flatten(1), probed.labels, outputs),
        lenet5.SHAPES,
        case.config.pairs,
        {pair: ceilings[pair[0]] for pair in of_layer},
        {pair: information for pair, (information, _, _) in of_layer.items()},
        {
            pair: divergence(Known(ratio, (information, error), len(probed), lambda b: (0.0, 0.0)), case.config)[0]
            for pair, (information, error, ratio) in of_layer.items()
        },
    )


def _train(case: Case, population: Population, seed: int, longer: int) -> Curves:
    config = replace(case.config, epochs=longer * case.config.epochs)
    networks = StatisticsNetworks(config, population.shapes, seed, pairs=population.pairs)
    return mine.train(networks, population.samples, seed)


def run(case: Case, seed: int, shared: str) -> list[dict[str, Any]]:
    """The fits of a case: for each the curve of a normal length, what else the rule reads, and the long curve."""
    torch.set_num_threads(1)
    on_layers = case.source in ("digits", "mnist")
    population = _of_layers(case, seed, shared) if on_layers else _of_problem(case, seed)
    short, long = (_train(case, population, seed, times) for times in (1, LONGER))
    epochs = case.config.epochs
    if not torch.equal(short.bound.nan_to_num(), long.bound[:epochs].nan_to_num()):
        raise AssertionError(f"{case.name}: a longer fit must begin as the shorter one")
    return [
        {
            "case": case.name,
            "seed": seed,
            "pair": pair,
            "replicate": replicate,
            "ceiling": population.ceilings[pair],
            "truth": population.truths[pair],
            "optimum": population.optima[pair],
            "dead_hidden_layers": int(short.dead_hidden_layers[place, replicate]),
            **{name: getattr(short, name)[:, place, replicate].tolist() for name in ("bound", "finite")},
            "long_bound": long.bound[:, place, replicate].tolist(),
        }
        for place, pair in enumerate(short.pairs)
        for replicate in range(case.config.replicates)
    ]


def train_all(seeds: Sequence[int], processes: int) -> pd.DataFrame:
    """One row per fit of every case and seed, each process on one thread."""
    work = [(case, seed) for case in cases() for seed in seeds]
    start, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory() as shared, multiprocessing.get_context("spawn").Pool(processes) as pool:
        for done, found in enumerate(pool.imap_unordered(functools.partial(_run, shared=shared), work), 1):
            rows += found
            print(f"[{time.monotonic() - start:5.0f} s] {done} of {len(work)}: {found[0]['case']}", flush=True)
    return pd.DataFrame(rows)


def _run(work: tuple[Case, int], shared: str) -> list[dict[str, Any]]:
    return run(*work, shared)


def judge(fits: pd.DataFrame) -> pd.DataFrame:
    """With `estimate`, `end` (of the long fit), `moved`, and the outcome by the first rule and by the present one."""
    return pd.concat([_judge(of_length) for _, of_length in fits.groupby(fits["bound"].map(len))], ignore_index=True)


def _judge(fits: pd.DataFrame) -> pd.DataFrame:
    """The same of fits of one length."""
    bound, finite, long = (np.array(fits[name].tolist()) for name in ("bound", "finite", "long_bound"))
    epochs = bound.shape[1]
    inputs = {name: fits[name].to_numpy(float) for name in ("ceiling", "truth", "optimum", "dead_hidden_layers")}
    inputs |= {"epochs": np.full(len(fits), epochs), **verdict.curve_summary(bound, finite, inputs["ceiling"])}
    new, estimate = verdict.outcome(inputs), inputs["estimate"]
    end = verdict.running_means(long, verdict.window(long.shape[1]))[:, -1]
    moved = ~(np.abs(end - estimate) <= np.maximum(MOVED_FLOOR, MOVED_SHARE * np.abs(estimate)))
    old = np.where(np.isin(new, ("settled", "unsettled")), _by_first_rule(bound, estimate, inputs), new)
    return fits.assign(estimate=estimate, end=end, moved=moved, old=old, new=new)


def _by_first_rule(bound: np.ndarray, estimate: np.ndarray, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Settled or unsettled as until November 2026: by two neighbouring windows of a tenth of the fit."""
    width = verdict.window(bound.shape[1])
    before = verdict.running_means(bound, width)[:, -1 - width]
    allowed = np.maximum(0.05, 0.05 * np.abs(estimate))
    settled = (np.abs(estimate - before) <= allowed) & (inputs["highest_running_mean"] - estimate <= allowed)
    return np.where(settled, "settled", "unsettled")


def shares(judged: pd.DataFrame, rule: str) -> dict[str, float]:
    """How often a rule (`old`, `new`) is wrong either way."""
    settled, told = judged[rule] == "settled", judged["new"].isin(["settled", "unsettled"])
    held = told & ~judged["moved"]
    return {
        "settled": int(settled.sum()),
        "settled_that_moved": float(judged.loc[settled, "moved"].mean()),
        "refused_that_held": float((~settled)[held].mean()),
    }


def report(judged: pd.DataFrame) -> dict[str, Any]:
    """Print both rules' shares, on all fits and by kind of problem, for both halves; those of the reported half."""
    kind = np.where(judged["case"].str.startswith(("digits", "mnist")), "LeNet-5's layers", "known answers")
    lines = []
    for half, seeds in (("choosing", CHOOSING), ("reporting", REPORTING)):
        for name in ("all", "known answers", "LeNet-5's layers"):
            part = judged[judged["seed"].isin(seeds) & ((kind == name) | (name == "all"))]
            lines += [{"half": half, "fits": name, "rule": rule, **shares(part, rule)} for rule in ("old", "new")]
    print(pd.DataFrame(lines).to_markdown(index=False, floatfmt=".3f"))
    reported = judged[judged["seed"].isin(REPORTING)]
    stuck = reported[reported["new"] == "stuck"]
    print(f"outcomes: {reported['new'].value_counts().to_dict()}; {stuck['moved'].sum()} of {len(stuck)} stuck moved")
    old, new = shares(reported, "old"), shares(reported, "new")
    both = {name: {"old": old[name], "new": new[name]} for name in ("settled_that_moved", "refused_that_held")}
    return {**both, "settled": new["settled"], "fits": len(reported)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="write the shares to this file")
    parser.add_argument("--curves", nargs="+", help="judge the curves that --save wrote instead of training")
    parser.add_argument("--save", help="write the curves to this Parquet file")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*CHOOSING, *REPORTING])
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.curves:
        fits = pd.concat(map(pd.read_parquet, options.curves), ignore_index=True)
    else:
        fits = train_all(options.seeds, options.processes)
    if options.save:
        fits.to_parquet(options.save)
    write_json(options.json, report(judge(fits)))


if __name__ == "__main__":
    main()
