"""mutinfo's table remade (`problems.MUTINFO`): MINE, NWJ and InfoNCE on Gaussians of 1 to 10 nats in 1 to 3 dimensions.

python -m tests.benchmarks.mutinfo [--steps 10000] [--dimensions 1 2 3] [--bounds donsker_varadhan nwj infonce]

Their settings, with 64 hidden units. InfoNCE has the separable critic, whose products are cheap. Beside their row stand
ours, on the samples that T was trained on and on the others, and the optimum; all are means over the dimensions.
"""

import argparse
import time

import numpy as np
import torch

from trainables.draws import generator
from trainables.estimators import mine, problems, validate
from trainables.estimators.mine import Samples
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import MineConfig

LEVELS = range(1, 11)
FITTED, BATCH = 5_000, 512


def row(bound: str, dimensions: int, steps: int) -> dict[str, list[float]]:
    """In nats by level: on the fitted and on the held-out samples, and the optimum."""
    config = MineConfig(
        bound=bound, critic="separable" if bound == "infonce" else "joint", batch_size=BATCH, learning_rate=1e-3,
        hidden_units=64, epochs=steps // (FITTED // BATCH), replicates=1, log_mean_exp="stable",
    )  # fmt: skip
    problem = problems.gaussians_of(dimensions, LEVELS)
    drawn = problem.draw(2 * FITTED, generator(0, "mutinfo", dimensions))
    assert drawn.x is not None
    fitted, others = (
        Samples(drawn.x[rows], None, {name: z[rows] for name, z in drawn.layers.items()})
        for rows in (slice(0, FITTED), slice(FITTED, None))
    )
    shapes = {"X": (dimensions,), **{name: (dimensions,) for name in drawn.layers}}
    networks = StatisticsNetworks(config, shapes, seed=0, pairs=tuple(problem.truths))
    curves = mine.train(networks, fitted, seed=0)
    name = bound
    found = mine.read_out(networks, others, seed=0)[name][:, 0]
    optima = validate.optima(problem, config, seed=0)
    last = curves.read_outs[name][-config.epochs // 10 :].mean(dim=0)[:, 0]
    return {"fitted": last.tolist(), "held out": found.tolist(), "optimum": [optima[pair] for pair in curves.pairs]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--bounds", nargs="+", default=list(problems.MUTINFO))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for bound in arguments.bounds:
        start = time.monotonic()
        rows = [row(bound, dimensions, arguments.steps) for dimensions in arguments.dimensions]
        means = {name: np.mean([one[name] for one in rows], axis=0) for name in rows[0]}
        print(f"{bound}, {arguments.steps} steps, {time.monotonic() - start:.0f} s", flush=True)
        for name, values in {"theirs": problems.MUTINFO[bound], **means}.items():
            print(f"  {name:9s}", " ".join(f"{value:5.2f}" for value in values), flush=True)


if __name__ == "__main__":
    main()
