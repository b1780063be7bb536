"""What a GPU must show before its results count, and what it costs: minutes, and no Ray.

    python -m tests.benchmarks.gpu --json docs/gpu.json      # on the GPU; exit code 1 if a check fails
    python -m tests.benchmarks.gpu --dry-run                 # what it would do, anywhere
    python -m tests.benchmarks.gpu --device cpu --samples 200

It needs torch, numpy, pyarrow and platformdirs alone, and makes its own images. One small trial per architecture is
compared with Algorithm 1 written plainly in float64 on the CPU (`estimators/plain.py`), on the GPU's own noise; then
each piece is timed at full size.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import torch

from tests import lenet5
from tests.benchmarks import measure
from trainables import truth
from trainables.devices import choose_device
from trainables.draws import generator
from trainables.estimators import mine, noise, plain
from trainables.estimators.mine import Samples
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import MineConfig, NetworkConfig, TrialConfig, replace
from trainables.subjects import probing, training
from trainables.subjects.data import DataSet, Examples
from trainables.subjects.datasets import DATASETS
from trainables.trial import network_run, provenance, recorded, schedule

SHAPES = lenet5.SHAPES
ARCHITECTURES = (1, 2, 3)
ALLOWED = {"weights": 1e-3, "bounds": 1e-5, "LeNet-5's loss": 1e-3, "truth": 1e-6}
"""Largest difference from the CPU: of how far a fit's weights moved, as a share of that; the others in nats. Float32
against float64 for the first two (on a CPU 4e-5 and 7e-8), then float32 twice, float64 twice."""

SMALL = {
    "data.name": "digits", "network.epochs": 2, "schedule.probe_every": 1, "network.train_samples": 320,
    "network.batch_size": 32, "network.optimizer": "adam", "network.learning_rate": 3e-3,
    "mine.samples": 200, "mine.batch_size": 50, "mine.epochs": 3, "mine.replicates": 1, "mine.optimizer": "sgd",
    "mine.learning_rate": 0.1, "mine.noise_std": 0.05, "mine.matmul_precision": "highest",
}  # fmt: skip
"""A trial of two probes; 12 steps of MINE in each, by plain ascent: Adam moves a weight as far as any other where its
gradient is a rounded zero."""

PLAN = """on {device}, one small trial per architecture (200 samples, two probes, noise 0.05, eight pairs):
  its rows twice, and from its checkpoint: bit for bit
  its first run against Algorithm 1 in float64 on the CPU: each fit's weights moved the same way within {weights:.1%},
  bounds within {bounds:g} nats
  LeNet-5's loss within {loss:g} nats of the CPU's, truths of its layers within {truth:g}
  no operation of an epoch waits for the GPU (torch.cuda.set_sync_debug_mode)
at N = {samples}: seconds and peak memory of an epoch of LeNet-5, of the layers' outputs, of one truth with noise, and
  of an epoch of MINE per architecture (eight pairs, three replicates, batch 100, noise)"""


def images(count: int, seed: int = 0) -> Examples:
    """Noisy copies of ten random pictures."""
    source = generator(seed, "made images", count)
    labels = torch.arange(count) % 10
    pictures = torch.rand(10, 1, 28, 28, generator=generator(0, "pictures"))
    pixels = pictures[labels] + 0.3 * torch.randn(count, 1, 28, 28, generator=source)
    return Examples(pixels.clamp(0, 1), labels)


def small_set() -> DataSet:
    return DataSet(images(DATASETS["digits"].train), images(DATASETS["digits"].test, seed=1))


class Report:
    """Checks with what was measured and what is allowed, seconds and bytes."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.checks: list[dict[str, Any]] = []
        self.seconds: dict[str, float] = {}
        self.peak_bytes: dict[str, int | None] = {}

    def check(self, name: str, measured: float | str, allowed: float | str) -> None:
        passed = measured == allowed if isinstance(allowed, str) else float(measured) <= allowed
        self.checks.append({"check": name, "measured": measured, "allowed": allowed, "passed": bool(passed)})
        print(f"{'ok  ' if passed else 'FAIL'} {name}: {measured} (allowed: {allowed})", flush=True)

    def cost(self, name: str, work: Callable[[], Any]) -> Any:
        """Do the work once, and note its seconds and the GPU's peak memory."""
        provenance.forget_device_peak(self.device)
        start = self.now()
        result = work()
        self.spent(name, self.now() - start)
        return result

    def spent(self, name: str, seconds: float) -> None:
        on_gpu = self.device.type == "cuda"
        self.seconds[name] = seconds
        self.peak_bytes[name] = torch.cuda.max_memory_allocated(self.device) if on_gpu else None
        peak = f", {self.peak_bytes[name] / 1e9:.2f} GB" if on_gpu else ""
        print(f"     {name}: {seconds:.3f} s{peak}", flush=True)

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def trial(config: TrialConfig, device: torch.device, results: str | None, resumed: bool = False) -> tuple[dict, dict]:
    """A trial's tables, and its networks after the first run; saved and resumed there, or not."""
    with mock.patch.object(network_run.data, "chosen", lambda _: small_set()):
        running = schedule.run(config, device, results)
        reached = next(running)
        networks = reached.weights
        if resumed:
            recorded.write(reached, device, results)
            reached = recorded.read(config, device, results)
            running = schedule.run(config, device, results, reached)
        return recorded.parts([reached, *running][-1], device), networks


def outputs_of(
    config: TrialConfig, device: torch.device, results: str | None = None
) -> tuple[Examples, dict[str, torch.Tensor], list[float]]:
    """What MINE reads in the first run of a trial, and LeNet-5's losses."""
    given = small_set().to(device)
    trained = network_run.obtain(config, given, results)
    probed = given.train.subset(config.mine.samples)
    return probed, trained.outputs(config, 0, probed, config.layers), trained.train_loss


def apart(
    config: TrialConfig, device: torch.device, results: str, parts: dict[str, Any], networks: dict[str, torch.Tensor]
) -> tuple[float, float]:
    """How far a trial's first run is from Algorithm 1 in float64 on the CPU, on the device's noise: weights, bounds."""
    probed, outputs, _ = outputs_of(config, device, results)
    samples = Samples(
        probed.inputs.flatten(1).cpu().double(),
        probed.labels.cpu(),
        {layer: values.cpu().double() for layer, values in outputs.items()},
    )
    start = StatisticsNetworks(config.mine, SHAPES, config.seed)
    rows = [row for row in parts["curves"].to_pylist() if row["run"] == 1]
    weights, bounds = [], []
    for pair in config.pairs:
        expected, network = plain.fit(
            config.mine, SHAPES, samples, pair, 0, normals_of(config, device, pair[2:], outputs), config.seed
        )
        bounds.append(np.abs(expected - [row["bound"] for row in rows if row["pair"] == pair]).max())
        moved = wrong = 0.0
        for name, initial in start.parameters.items():
            if pair in start.pairs_with[name]:
                at = start.pairs_with[name].index(pair), 0
                there = network.weights[name.replace(".", "_")].detach()
                moved += float((there - initial[at].detach()).square().sum())
                wrong += float((there - networks[name][at].cpu()).square().sum())
        weights.append((wrong / moved) ** 0.5)
    return max(weights), float(max(bounds))


def normals_of(
    config: TrialConfig, device: torch.device, layer: str, outputs: dict[str, torch.Tensor]
) -> Iterator[torch.Tensor]:
    """The device's standard normals of a layer in the first run, step by step, on the CPU."""
    shapes = {layer: (config.mine.batch_size, outputs[layer].shape[1])}
    steps = config.mine_samples // config.mine.batch_size
    on_cpu = noise.on_cpu(shapes, config.seed, 1, steps=steps, epochs=config.mine.epochs)
    normals = on_cpu if device.type == "cpu" else noise.on_gpu(shapes, config.seed, 1, device)
    return (numbers[layer].cpu().clone() for numbers in normals)


def check_trials(report: Report, device: torch.device, results: str, architectures: Sequence[int]) -> None:
    """One trial per architecture: again, resumed, and against the reference; LeNet-5 and truths are made twice."""
    for architecture in architectures:
        config = replace(TrialConfig(), {**SMALL, "mine.architecture": architecture})
        name, own = f"architecture {architecture}", None if architecture == architectures[0] else results
        first, networks = report.cost(f"small trial, {name}", partial(trial, config, device, own))
        for again in ("again", "resumed"):
            parts, _ = trial(config, device, results, resumed=again == "resumed")
            same = all(parts[table].equals(first[table]) for table in ("network", "estimates", "curves"))
            report.check(f"{name}, {again}", "bit for bit" if same else "other rows", "bit for bit")
        for what, found in zip(("weights", "bounds"), apart(config, device, results, first, networks), strict=True):
            report.check(f"{name}, {what} against float64", found, ALLOWED[what])
    probed, outputs, losses = outputs_of(config, device, results)
    on_cpu = outputs_of(config, torch.device("cpu"))[2]
    report.check("LeNet-5's loss", float(np.abs(np.subtract(losses, on_cpu)).max()), ALLOWED["LeNet-5's loss"])
    for layer, values in outputs.items():
        here, there = (
            truth.compute(z, y, [0.05], generator(0, "truth", layer), most_draws=1_000)[0.05]
            for z, y in ((values, probed.labels), (values.cpu(), probed.labels.cpu()))
        )
        report.check(f"truth of {layer}", max(abs(here.x - there.x), abs(here.y - there.y)), ALLOWED["truth"])


def check_waits(report: Report, device: torch.device, results: str, architectures: Sequence[int]) -> None:
    """Epochs in which PyTorch raises wherever the host would wait for the GPU: all but the first and the last."""
    for architecture in architectures:
        changes = {"mine.architecture": architecture, "mine.epochs": 4, "mine.optimizer": "adam"}
        config = replace(TrialConfig(), SMALL | changes)
        probed, outputs, _ = outputs_of(config, device, results)
        samples = Samples(probed.inputs.flatten(1), probed.labels, outputs)

        def population(epoch: int, samples: Samples = samples) -> Samples:
            if device.type == "cuda":
                torch.cuda.set_sync_debug_mode("error" if 0 < epoch < 3 else "default")
            return samples

        try:
            mine.train(StatisticsNetworks(config.mine, SHAPES, seed=0, device=device), population, seed=0)
            found = "nothing"
        except RuntimeError as error:
            found = str(error).splitlines()[0]
        finally:
            if device.type == "cuda":
                torch.cuda.set_sync_debug_mode("default")
        report.check(f"architecture {architecture}, waits within an epoch", found, "nothing")


def costs(report: Report, device: torch.device, count: int, architectures: Sequence[int]) -> None:
    """Each piece once at full size, after a small one of its kind has run."""
    given = images(count).to(device)
    network = lenet5.make(generator(0, "lenet weights")).to(device)
    optimizer = training.make_optimizer(network, NetworkConfig())
    order = generator(0, "order")
    report.cost("LeNet-5, an epoch", lambda: training.train_epoch(network, optimizer, given, 128, order))
    outputs = report.cost("the layers' outputs", lambda: probing.activations(network, given.inputs, lenet5.LAYERS))
    source = generator(0, "truth")
    report.cost(
        "truth of maxpool1", lambda: truth.compute(outputs["maxpool1"], given.labels, [1.0], source, most_draws=1)
    )
    samples = Samples(given.inputs.flatten(1), given.labels, outputs)
    for architecture in architectures:
        config = MineConfig(architecture=architecture, noise_std=1.0, epochs=3, batch_size=min(100, count))
        networks, began = StatisticsNetworks(config, SHAPES, seed=0, device=device), []

        def population(epoch: int, began: list[float] = began) -> Samples:
            began.append(report.now())
            return samples

        provenance.forget_device_peak(device)
        mine.train(networks, population, seed=0)
        report.spent(f"MINE, an epoch of architecture {architecture}", began[2] - began[1])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--architectures", type=int, nargs="+", choices=ARCHITECTURES, default=ARCHITECTURES)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args(arguments)
    if options.dry_run:
        print(PLAN.format(device=options.device, samples=options.samples, loss=ALLOWED["LeNet-5's loss"], **ALLOWED))
        return 0
    device, start = choose_device(options.device), time.perf_counter()
    report = Report(device)
    print(f"{provenance.device_name(device)}, PyTorch {torch.__version__}, CUDA {torch.version.cuda}")
    with tempfile.TemporaryDirectory() as results:
        check_trials(report, device, results, options.architectures)
        check_waits(report, device, results, options.architectures)
    costs(report, device, options.samples, options.architectures)
    print(f"{sum(check['passed'] for check in report.checks)} of {len(report.checks)} checks passed")
    found = {name: value for name, value in vars(report).items() if name != "device"}
    about = {"device": provenance.device_name(device), "cuda": torch.version.cuda, "samples": options.samples}
    measure.write_json(options.json, {**about, "total_seconds": time.perf_counter() - start, **found})
    return 0 if all(check["passed"] for check in report.checks) else 1


if __name__ == "__main__":
    sys.exit(main())
