"""The fields of a trial: types, defaults, ranges, and what each is for."""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from trainables.bounds import BOUNDS
from trainables.errors import require, require_one_of
from trainables.settings.checks import check, positive
from trainables.subjects import own
from trainables.subjects.datasets import DATASETS
from trainables.subjects.networks import NETWORKS


def later(default: Any) -> Any:
    """The default of a field that came after the first results, which were made as if it had this value.

    It is read where a file has no such column, and left out of the key, so that a trial keeps its key when a field is
    added. A default that changes keeps this value as `metadata["before"]`.
    """
    return field(default=default, metadata={"before": default})


@dataclass(frozen=True)
class DataConfig:
    """The data set."""

    name: str = "mnist"
    """Data set: mnist, fashion_mnist, cifar10, digits (scikit-learn's, without a download), binary_rule (that of
    Shwartz-Ziv and Tishby), or package.module:function, which takes the folder or nothing and returns inputs and labels
    to learn from, and inputs and labels to test with."""
    root: str | None = None
    """Folder of the data sets; unset: $MINE_STUDY_DATA, then the platform's cache folder."""
    scaling: Literal["unit", "standardized"] = later("unit")
    """Inputs that the network and MINE read: unit, in [0, 1]; standardized, less the data set's mean, over its std."""
    bins: int | None = later(None)
    """Labels of a data set of one's own that are real numbers: into how many bins of equal counts they are put."""
    source: str = later("")
    """Of a data set of one's own: digest of the source file; filled in by the command."""

    def __post_init__(self) -> None:
        check(self, "data", bins=2)
        given = self.name == own.PROBED or own.is_own(self.name)
        if not given:
            require_one_of("data.name", self.name, DATASETS, other=", or package.module:function")
        require(self.bins is None or given, "data.bins", self.bins, f"None for {self.name}")


@dataclass(frozen=True)
class NetworkConfig:
    """The network that is studied, and how it is trained."""

    name: str = later("lenet5")
    """Network: lenet5, the paper's; mlp and tanh_mlp, of tanh units; vgg and resnet, small ones of their families; or
    package.module:Class, called with the shape of an input and the number of classes, or with nothing."""
    layers: tuple[str, ...] = later(())
    """Layers to probe, in order, as named_modules names them; output is the network's output. None given: those that
    the network is described with, of one's own only the output."""
    source: str = later("")
    """Of a network of one's own: digest of the source file, or of its activations; filled in by the command."""
    epochs: int = 21
    """Training epochs of the network (paper: 21)."""
    optimizer: Literal["sgd", "adam"] = "sgd"
    """Optimizer of the network (left open by the paper)."""
    learning_rate: float = 3e-4
    """Learning rate of the network (paper: 0.0003)."""
    momentum: float = 0.9
    """Momentum of sgd; adam does not use it."""
    batch_size: int = 128
    """Batch size of the network (left open by the paper)."""
    last_batch: Literal["dropped", "kept"] = later("dropped")
    """An epoch's last, smaller batch of the network, where there is one."""
    train_samples: int | None = None
    """Training samples that the network learns from, a fixed stratified subset; None: all."""
    output: Literal["softmax", "log_softmax"] = later("softmax")
    """What the layer of the output (sm1) is, for MINE and truth: the class probabilities, or their logarithms."""

    def __post_init__(self) -> None:
        check(self, "network", epochs=1, batch_size=1, train_samples=1)
        if self.name != own.PROBED and not own.is_own(self.name):
            require_one_of("network.name", self.name, NETWORKS, other=", or package.module:Class")
        for layer in self.layers:
            named = layer.isprintable() and ";" not in layer and layer not in ("", "X", "Y")
            require(named, "network.layers", layer, "names without ';', not X or Y")
        require(len(set(self.layers)) == len(self.layers), "network.layers", self.layers, "each of them once")
        positive("network.learning_rate", self.learning_rate)
        require(0 <= self.momentum < 1, "network.momentum", self.momentum, "at least 0 and below 1")


@dataclass(frozen=True)
class ScheduleConfig:
    """When MINE runs."""

    probe_every: int = 4
    """MINE runs after every n-th of the network's epochs, from first_probe on (paper: every 4th)."""
    first_probe: int = later(0)
    """The network's epoch, from 0, of MINE's first run; network.epochs - 1: one run, on the finished network."""

    epochs: tuple[int, ...] = later(())
    """The network's epochs, from 0, after which MINE runs, in place of first_probe and probe_every."""

    def __post_init__(self) -> None:
        check(self, "schedule", probe_every=1, first_probe=0)
        rising = all(first < second for first, second in itertools.pairwise((-1, *self.epochs)))
        require(rising, "schedule.epochs", self.epochs, "rising, from 0")


@dataclass(frozen=True)
class MineConfig:
    """How MINE is built and trained."""

    architecture: Literal[1, 2, 3] = 1
    """Statistics network (paper, section 1.4): 1 concatenates, 2 convolves first, 3 has a non-linearity per side."""
    front: Literal["trained", "redrawn"] = later("trained")
    """First layers of architectures 2 and 3: trained, or redrawn: the paper's authors' random map of one side, drawn
    again at every step and never trained; the optimum, which allows any T, is then only an upper bound."""
    critic: Literal["joint", "separable"] = later("joint")
    """joint: the head reads both sides at once; separable: each side has its own, and T is their inner product."""
    noise_std: float = 0.0
    """Standard deviation of the Gaussian noise added to the layer's output, in activation units."""
    hidden_units: int = 10
    """Units of each hidden layer of the head (paper: 10, 20, 100)."""
    hidden_layers: int = 1
    """Hidden layers (Linear + ReLU) of the head (paper: 1; it says that more explode)."""
    branch_units: int = 100
    """Architecture 3: units of the Dense + ReLU on each side; 0 is a bare ReLU without parameters."""
    conv_channels: int = 4
    """Architecture 2: filters of the convolution on each 2-D side."""
    conv_kernel: int = 5
    """Architecture 2: side of the square filters; odd, the output keeps the input's size."""
    transfer_mode: Literal["reinit", "finetune"] = "reinit"
    """Weights at the start of a run: reinit draws them again, finetune continues from the previous run's."""
    replicates: int = 3
    """Statistics networks trained side by side per pair, from independent initialisations."""
    bound: Literal[tuple(BOUNDS)] = later("donsker_varadhan")  # type: ignore[valid-type]  # a Literal of a constant
    """Bound that T ascends."""
    clip: float = later(5.0)
    """tau of smile: exp(T) is clipped to [exp(-tau), exp(tau)], in its bound and wherever T is read out by it."""
    penalty: float = later(0.1)
    """Of remine: weight of the square of ln mean exp T."""
    epochs: int = 100
    """MINE epochs per run."""
    batch_size: int = 100
    """Batch size b of MINE."""
    last_batch: Literal["dropped", "kept"] = later("dropped")
    """An epoch's last, smaller batch of MINE, where there is one; a bound stays an unweighted mean over batches, and
    the optimum that of batch_size."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """adam, or sgd: the plain gradient ascent of Algorithm 1."""
    learning_rate: float = 1e-4
    """Learning rate of MINE (left open by the paper)."""
    gradient_clip: float = later(0.0)
    """Euclidean norm to which a longer gradient of a fit is cut; 0: none is."""
    marginals: Literal["permutation", "derangement", "independent"] = "permutation"
    """Marginal samples: the batch shuffled, shuffled without fixed points, or drawn anew from all samples."""
    log_mean_exp: Literal["naive", "stable"] = "naive"
    """naive: log(mean(exp(t))) as in Algorithm 1, overflows past t = 88; stable: by logsumexp."""
    gradient_correction: Literal["none", "moving_average"] = "none"
    """moving_average: the bias-corrected gradient of the MINE paper (Belghazi et al. 2018, section 3.2)."""
    moving_average_rate: float = 0.01
    """Weight of the newest batch in gradient_correction's moving average of mean exp(T)."""
    matmul_precision: Literal["highest", "high", "medium"] = later("highest")
    """Of products, in PyTorch's words: highest, float32; high, TF32 on a GPU; medium, bfloat16 on a CPU that has it."""
    null: Literal["none", "shuffled_each_step", "shuffled_once"] = later("none")
    """Layers of other samples: drawn again at every step (truth 0), or dealt out once (what is learnt by heart?)."""
    held_out: float = later(0.0)
    """Share of the samples that T is not trained on and at the end read out on, too, a subset fixed by the seed."""
    samples: int | None = None
    """Training samples that MINE and truth use, a fixed stratified subset; None: all."""
    pairs: tuple[str, ...] = ()
    """Pairs to estimate, each variable;layer (X;sm1); none given: all of the network's."""

    def __post_init__(self) -> None:
        check(
            self, "mine", hidden_units=1, hidden_layers=1, branch_units=0, conv_channels=1, replicates=1, epochs=1,
            batch_size=2, samples=1, penalty=0, gradient_clip=0,
        )  # fmt: skip
        # Below, squared distances over the variance leave float64's digits; above, float32's range nears.
        usable = self.noise_std == 0 or 1e-4 <= self.noise_std <= 1e6
        require(usable, "mine.noise_std", self.noise_std, "0, or from 0.0001 to 1000000")
        odd = self.conv_kernel >= 1 and self.conv_kernel % 2 == 1
        require(odd, "mine.conv_kernel", self.conv_kernel, "odd and at least 1")
        for name in ("learning_rate", "clip"):
            positive(f"mine.{name}", getattr(self, name))
        for name in ("penalty", "gradient_clip"):
            require(getattr(self, name) < math.inf, f"mine.{name}", getattr(self, name), "finite")
        require(0 <= self.held_out < 1, "mine.held_out", self.held_out, "at least 0 and below 1")
        rate = self.moving_average_rate
        require(0 < rate <= 1, "mine.moving_average_rate", rate, "above 0 and at most 1")

    @property
    def all_pairs(self) -> bool:
        """Whether T is taken of all pairs of a batch, with no marginal samples."""
        return BOUNDS[self.bound].all_pairs

    @property
    def redraws_front(self) -> bool:
        """Whether one side of each pair goes through a random map; architecture 1 has no front."""
        return self.front == "redrawn" and self.architecture != 1
