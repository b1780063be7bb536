"""Truth on real MNIST after one epoch of LeNet-5: values, standard errors, wall time and peak memory.

    python -m tests.benchmarks.truth_cost --samples 60000

`--compare` also computes sigma 0.01 from float64 outputs, and by the naive float32 form.
"""

import argparse
import math
import time

import torch

from tests import lenet5
from tests.lenet5 import LAYERS
from trainables import truth
from trainables.draws import generator
from trainables.settings import NetworkConfig
from trainables.subjects import data, probing, training
from trainables.trial.provenance import peak_memory_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--noise-stds", type=float, nargs="*", default=[0.1, 0.3, 1.0, 3.0])
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    train = data.load("mnist").train
    network = lenet5.make(generator(0, "lenet weights"))
    optimizer = training.make_optimizer(network, NetworkConfig())
    # Batch 64 and standardised pixels, as where the expected values were taken.
    standardised = data.Examples((train.inputs - 0.1307) / 0.3081, train.labels)
    training.train_epoch(network, optimizer, standardised, 64, generator(0, "lenet batches", 0))
    images = standardised.subset(options.samples)
    outputs = probing.activations(network, images.inputs, lenet5.LAYERS)
    before = peak_memory_bytes()
    print(f"N = {options.samples}, {torch.get_num_threads()} threads; values in nats, standard errors in brackets")
    print(f"{'layer':9s} {'sigma':>6s} {'I(X;Z)':>18s} {'I(Y;Z)':>18s} {'draws':>6s}")
    start = time.perf_counter()
    for layer in LAYERS:
        if not options.noise_stds:
            continue
        found = truth.compute(outputs[layer], images.labels, options.noise_stds, generator(0, "truth", 0, layer))
        for std, one in found.items():
            x, y = f"{one.x:.3f} ({one.x_standard_error:.4f})", f"{one.y:.4f} ({one.y_standard_error:.4f})"
            print(f"{layer:9s} {std:6g} {x:>18s} {y:>18s} {one.draws:6d}", flush=True)
    seconds, extra = time.perf_counter() - start, peak_memory_bytes() - before
    print(f"{seconds:.0f} s; peak memory {peak_memory_bytes() / 1e9:.2f} GB, of it {extra / 1e9:.2f} GB by truth")
    if options.compare:
        compare(outputs["maxpool1"], images.labels)


def compare(outputs: torch.Tensor, labels: torch.Tensor, std: float = 0.01) -> None:
    """Sigma 0.01 from float32 and from float64 outputs, and naively in float32."""
    for name, values in (("float32", outputs), ("float64", outputs.double())):
        one = truth.compute(values, labels, [std], generator(0, "truth", 0, "maxpool1"), most_draws=1_000)[std]
        print(f"maxpool1, sigma {std}, {name} outputs: {one.x:.4f} ({one.x_standard_error:.4f})")
    source = generator(0, "truth", 0, "maxpool1")
    centres = torch.randint(len(outputs), (250,), generator=source)
    noise = torch.randn(250, outputs.shape[1], generator=source)
    noisy = outputs[centres] + std * noise
    square = noisy.square().sum(1)[:, None] + outputs.square().sum(1) - 2 * noisy @ outputs.T
    naive = math.log(len(outputs)) - (noise.square().sum(1) / 2 + (-square / (2 * std**2)).logsumexp(1)).mean()
    print(f"maxpool1, sigma {std}, naive float32: {naive:.4f}")


if __name__ == "__main__":
    main()
