"""What an epoch of each bound costs beside Donsker-Varadhan's, in one run.

python -m tests.benchmarks.bounds_cost [--batch-size 64] [--units 20]

CPU seconds of one thread per epoch of 1,024 samples, LeNet-5's eight pairs, noise 1: the median of five epochs that
take turns, so that other work on the machine meets all bounds alike.
"""

import argparse
import time
from collections import defaultdict

import numpy as np
import torch

from tests import lenet5
from trainables.bounds import BOUNDS
from trainables.draws import generator
from trainables.estimators import mine
from trainables.estimators.mine import Samples
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import MineConfig

SAMPLES, ROUNDS = 1_024, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--units", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    source = generator(0, "cost")
    sizes = {name: int(np.prod(shape)) for name, shape in lenet5.SHAPES.items() if name != "Y"}
    values = {name: torch.rand(SAMPLES, size, generator=source) for name, size in sizes.items()}
    samples = Samples(values.pop("X"), torch.randint(10, (SAMPLES,), generator=source), values)
    ways = [(bound, "joint") for bound in BOUNDS] + [("donsker_varadhan", "separable"), ("infonce", "separable")]
    seconds = defaultdict(list)
    for _ in range(1 + ROUNDS):
        for bound, critic in ways:
            config = MineConfig(
                bound=bound, critic=critic, batch_size=arguments.batch_size, hidden_units=arguments.units,
                replicates=1, epochs=1, noise_std=1.0,
            )  # fmt: skip
            networks = StatisticsNetworks(config, lenet5.SHAPES, seed=0)
            start = time.process_time()
            mine.train(networks, samples, seed=0)
            seconds[bound, critic].append(time.process_time() - start)
    usual = np.median(seconds["donsker_varadhan", "joint"][1:])
    print(f"batch {arguments.batch_size}, {arguments.units} units; Donsker-Varadhan {usual:.3f} s of CPU per epoch")
    for (bound, critic), found in seconds.items():
        print(f"{bound:18s} {critic:10s} {np.median(found[1:]) / usual:5.2f}")


if __name__ == "__main__":
    main()
