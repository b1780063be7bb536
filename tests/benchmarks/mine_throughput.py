"""MINE's training loop against the plain loop, and against what this machine can do at all.

    python -m tests.benchmarks.mine_throughput --json mine_throughput.json

All eight pairs, architecture 1, 10 hidden units, noise on, real MNIST's activations. Every rival and every
limit is measured in the same run, in turns; seconds are medians for one epoch. The limit is a bound from
below: a step's matrix products at the rate of a large product, the gathered bytes at the rate of a copy, and
the normals at the rate of all threads together. The large product runs in float32: `mine.matmul_precision`
medium may beat the limit where the processor multiplies bfloat16.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch

from tests import lenet5
from tests.benchmarks import measure, plain_loop
from trainables.estimators import mine
from trainables.estimators.mine import Samples
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import MineConfig
from trainables.trial.provenance import peak_memory_bytes

SHAPES = lenet5.SHAPES
EPOCHS = 4
"""Of a fused run; a plain run is one epoch, since it is slow."""


def settings(batch_size: int, replicates: int, **others: Any) -> MineConfig:
    """What is measured: the paper's first architecture with noise, unless `others` say differently."""
    defaults = {"noise_std": 1.0, "epochs": EPOCHS}
    return MineConfig(batch_size=batch_size, replicates=replicates, **(defaults | others))


def fused(samples: Samples, config: MineConfig) -> Callable[[], Any]:
    """A run of the project's own loop, networks drawn beforehand."""
    networks = StatisticsNetworks(config, SHAPES, seed=0)
    return lambda: mine.train(networks, samples, seed=0)


def limits(samples: Samples) -> dict[str, Callable[[], Any]]:
    """Pieces of work whose seconds give the machine's rates."""
    left, right, product = torch.randn(2048, 2048), torch.randn(2048, 2048), torch.empty(2048, 2048)
    layer = samples.layers["maxpool1"]
    copied = torch.empty_like(layer)
    threads = torch.get_num_threads()
    numbers = [torch.empty(NORMALS) for _ in range(threads)]
    sources = [torch.Generator().manual_seed(thread) for thread in range(threads)]
    pool = ThreadPoolExecutor(threads)
    return {
        "gemm": lambda: torch.mm(left, right, out=product),
        "copy": lambda: copied.copy_(layer),
        "normals": lambda: list(pool.map(lambda n, source: n.normal_(generator=source), numbers, sources)),
        "normals_one_thread": lambda: numbers[0].normal_(generator=sources[0]),
    }


NORMALS = 2**21


def step_work(samples: Samples, config: MineConfig) -> dict[str, float]:
    """Of an epoch: floating point operations in products, gathered bytes, normals drawn."""
    assert samples.x is not None
    count = len(samples) // config.batch_size * config.batch_size
    features = {"X": samples.x.shape[1], **{name: z.shape[1] for name, z in samples.layers.items()}}
    columns = {side: config.replicates * config.hidden_units * _pairs(config, side) for side in features}
    # Forward and the weights' gradient; no gradient goes to the data. A multiplication and an addition each.
    products = sum(2 * 2 * features[side] * columns[side] for side in features)
    return {
        "flop": count * products,
        "bytes": count * 4 * sum(features.values()),
        "normals": count * sum(features[layer] for layer in samples.layers),
    }


def _pairs(config: MineConfig, side: str) -> int:
    return sum(side in pair.split(";") for pair in config.pairs or lenet5.PAIRS)


def rates(samples: Samples, seconds: dict[str, float]) -> dict[str, float]:
    """The machine's rates from the seconds of `limits`."""
    return {
        "gflop_per_s": 2 * 2048**3 / seconds["gemm"] / 1e9,
        "copy_gbyte_per_s": samples.layers["maxpool1"].nbytes / seconds["copy"] / 1e9,
        "normals_per_s": torch.get_num_threads() * NORMALS / seconds["normals"],
        "normals_per_s_one_thread": NORMALS / seconds["normals_one_thread"],
    }


def least_seconds(work: dict[str, float], rate: dict[str, float]) -> dict[str, float]:
    """The limit of an epoch, piece by piece."""
    return {
        "products": work["flop"] / rate["gflop_per_s"] / 1e9,
        "gather": work["bytes"] / rate["copy_gbyte_per_s"] / 1e9,
        "normals": work["normals"] / rate["normals_per_s"],
    }


def _first_half(samples: Samples) -> Samples:
    assert samples.x is not None and samples.y is not None
    half = len(samples) // 2
    return Samples(samples.x[:half], samples.y[:half], {name: z[:half] for name, z in samples.layers.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=12_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    options = parser.parse_args()
    samples = measure.mnist_samples(options.samples)

    cases = {f"r{r}_b{b}": settings(b, r) for b in (512, 100) for r in (1, 5)} | {"r10_b512": settings(512, 10)}
    other = "highest" if MineConfig().matmul_precision == "medium" else "medium"
    cases |= {f"r{r}_b512_{other}": settings(512, r, matmul_precision=other) for r in (1, 5)}
    basis = settings(512, 5)
    smaller = {
        "samples": fused(_first_half(samples), basis),
        "epochs": fused(samples, settings(512, 5, epochs=EPOCHS // 2)),
        "pairs": fused(samples, settings(512, 5, pairs=lenet5.PAIRS[:4])),
    }
    work = {f"plain_b{b}": partial(plain_loop.train, samples, settings(b, 1, epochs=1)) for b in (512, 100)}
    seconds = measure.alternate(
        work | {name: fused(samples, config) for name, config in cases.items()} | smaller | limits(samples),
        options.rounds,
    )
    doubling = {name: seconds["r5_b512"] / seconds.pop(name) for name in smaller}
    seconds |= {name: seconds[name] / EPOCHS for name in cases}
    rate = rates(samples, seconds)
    least = {name: least_seconds(step_work(samples, config), rate) for name, config in cases.items()}

    print(f"{measure.machine()}; N = {len(samples)}, eight pairs, architecture 1, 10 units, noise on")
    print(", ".join(f"{name} {value:.4g}" for name, value in rate.items()))
    print(f"{'':17s} {'s/epoch':>8s} {'plain':>7s} {'a replicate':>12s} {'limit':>7s} {'share':>6s}")
    ratios, shares = {}, {}
    for name, config in cases.items():
        plain = seconds[f"plain_b{config.batch_size}"]
        ratios[f"ratio_{name}"] = config.replicates * plain / seconds[name]
        shares[name] = sum(least[name].values()) / seconds[name]
        ratio, share = f"{ratios[f'ratio_{name}']:.1f} x", f"{shares[name]:.0%}"
        print(f"{name:17s} {seconds[name]:8.3f} {plain:7.3f} {ratio:>12s} {sum(least[name].values()):7.3f} {share:>6s}")
    doubling["replicates"] = seconds["r10_b512"] / seconds["r5_b512"]
    print("time by doubling, at batch 512: " + ", ".join(f"{name} {factor:.2f}" for name, factor in doubling.items()))
    print(f"peak memory {peak_memory_bytes() / 1e9:.2f} GB")
    measure.write_json(
        options.json,
        {
            **ratios,
            "roofline_share_b512": shares["r5_b512"],
            "doubling": doubling,
            "seconds": seconds,
            "limits": {"rates": rate, "seconds": least},
        },
    )


if __name__ == "__main__":
    main()
