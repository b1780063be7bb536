"""The fields of a trial: types, defaults, ranges, and what each is for."""

import functools
import math
import sys
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from trainables.settings.errors import require

LAYERS = ("maxpool1", "maxpool2", "relu3", "sm1")
"""The probed layers of LeNet-5, in the order of the network (paper, Table 1)."""

PAIRS = tuple(f"{variable};{layer}" for variable in "XY" for layer in LAYERS)
"""The eight pairs (variable;layer) of the paper, X the input and Y the label."""

TRAIN_SAMPLES = {"mnist": 60_000, "fashion_mnist": 60_000, "digits": 1_437}
"""Size of each data set's training set."""

TEST_SAMPLES = {"mnist": 10_000, "fashion_mnist": 10_000, "digits": 360}
"""Size of each data set's test set."""

CLASSES = 10
"""Number of classes of every data set."""


@dataclass(frozen=True)
class DataConfig:
    """The data set."""

    name: Literal["mnist", "fashion_mnist", "digits"] = "mnist"
    """Data set: mnist, fashion_mnist, or digits (scikit-learn's 1,797 digits; no download)."""
    root: str | None = None
    """Folder of the data sets; unset: $MINE_STUDY_DATA, then the platform's cache folder."""
    scaling: Literal["unit", "standardized"] = "unit"
    """Pixels that LeNet-5 and MINE read: unit, in [0, 1]; standardized, less the data set's mean, over its std."""


@dataclass(frozen=True)
class LeNetConfig:
    """How LeNet-5 is trained."""

    epochs: int = 21
    """Training epochs of LeNet-5 (paper: 21)."""
    optimizer: Literal["sgd", "adam"] = "sgd"
    """Optimizer of LeNet-5 (left open by the paper)."""
    learning_rate: float = 3e-4
    """Learning rate of LeNet-5 (paper: 0.0003)."""
    momentum: float = 0.9
    """Momentum of sgd; adam does not use it."""
    batch_size: int = 128
    """Batch size of LeNet-5 (left open by the paper)."""
    last_batch: Literal["dropped", "kept"] = "dropped"
    """An epoch's last, smaller batch of LeNet-5, where there is one."""
    train_samples: int | None = None
    """Training images that LeNet-5 learns from, a fixed stratified subset; None: all."""
    output: Literal["softmax", "log_softmax"] = "softmax"
    """What the layer sm1 is, for MINE and truth: the class probabilities, or their logarithms."""

    def __post_init__(self) -> None:
        _check_types(self, "lenet")
        require(self.epochs >= 1, "lenet.epochs", self.epochs, "at least 1")
        _positive("lenet.learning_rate", self.learning_rate)
        require(0 <= self.momentum < 1, "lenet.momentum", self.momentum, "at least 0 and below 1")
        require(self.batch_size >= 1, "lenet.batch_size", self.batch_size, "at least 1")
        _optional_at_least_one("lenet.train_samples", self.train_samples)


@dataclass(frozen=True)
class ScheduleConfig:
    """When MINE runs."""

    probe_every: int = 4
    """MINE runs after every n-th of LeNet-5's epochs, from first_probe on (paper: every 4th)."""
    first_probe: int = 0
    """Epoch of LeNet-5 (the first is 0) of MINE's first run; lenet.epochs - 1: one run, on the finished network."""

    def __post_init__(self) -> None:
        _check_types(self, "schedule")
        require(self.probe_every >= 1, "schedule.probe_every", self.probe_every, "at least 1")
        require(self.first_probe >= 0, "schedule.first_probe", self.first_probe, "at least 0")


@dataclass(frozen=True)
class MineConfig:
    """How MINE is built and trained."""

    architecture: Literal[1, 2, 3] = 1
    """Statistics network (paper, section 1.4): 1 concatenates, 2 convolves first, 3 has a non-linearity per side."""
    front: Literal["trained", "redrawn"] = "trained"
    """First layers of architectures 2 and 3: trained, or redrawn: the paper's authors' random map of one side, drawn
    again at every step and never trained; the optimum, which allows any T, is then only an upper bound."""
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
    """Weights at the start of a run: reinit draws them anew, finetune goes on from the previous run's."""
    replicates: int = 3
    """Statistics networks trained side by side per pair, from independent initialisations."""
    bound: Literal["donsker_varadhan"] = "donsker_varadhan"
    """Bound that T ascends (`trainables.estimators.bounds`)."""
    epochs: int = 100
    """MINE epochs per run."""
    batch_size: int = 100
    """Batch size b of MINE."""
    last_batch: Literal["dropped", "kept"] = "dropped"
    """An epoch's last, smaller batch of MINE, where there is one; a bound stays an unweighted mean over batches, and
    the optimum that of batch_size."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """adam, or sgd: the plain gradient ascent of Algorithm 1."""
    learning_rate: float = 1e-4
    """Learning rate of MINE (left open by the paper)."""
    marginals: Literal["permutation", "derangement", "independent"] = "permutation"
    """Marginal samples: the batch shuffled, shuffled without fixed points, or drawn anew from all samples."""
    log_mean_exp: Literal["naive", "stable"] = "naive"
    """naive: log(mean(exp(t))) as in Algorithm 1, overflows past t = 88; stable: by logsumexp."""
    gradient_correction: Literal["none", "moving_average"] = "none"
    """moving_average: the bias-corrected gradient of the MINE paper (Belghazi et al. 2018, section 3.2)."""
    moving_average_rate: float = 0.01
    """Weight of the newest batch in gradient_correction's moving average of mean exp(T)."""
    matmul_precision: Literal["highest", "high", "medium"] = "highest"
    """Of products, in PyTorch's words: highest, float32; high, TF32 on a GPU; medium, bfloat16 on a CPU that has it."""
    samples: int | None = None
    """Training images that MINE and truth use, a fixed stratified subset; None: all."""
    pairs: tuple[Literal[PAIRS], ...] = PAIRS  # type: ignore[valid-type]  # a Literal of a constant
    """Pairs to estimate, each variable;layer."""

    def __post_init__(self) -> None:
        _check_types(self, "mine")
        # Below, squared distances over the variance leave float64's digits; above, float32's range nears.
        usable = self.noise_std == 0 or 1e-4 <= self.noise_std <= 1e6
        require(usable, "mine.noise_std", self.noise_std, "0, or from 0.0001 to 1000000")
        for name in ("hidden_units", "hidden_layers", "conv_channels", "replicates", "epochs"):
            value = getattr(self, name)
            require(value >= 1, f"mine.{name}", value, "at least 1")
        require(self.branch_units >= 0, "mine.branch_units", self.branch_units, "at least 0")
        odd = self.conv_kernel >= 1 and self.conv_kernel % 2 == 1
        require(odd, "mine.conv_kernel", self.conv_kernel, "odd and at least 1")
        require(self.batch_size >= 2, "mine.batch_size", self.batch_size, "at least 2")
        _positive("mine.learning_rate", self.learning_rate)
        rate = self.moving_average_rate
        require(0 < rate <= 1, "mine.moving_average_rate", rate, "above 0 and at most 1")
        _optional_at_least_one("mine.samples", self.samples)
        require(len(self.pairs) > 0, "mine.pairs", self.pairs, f"one or more of {', '.join(PAIRS)}")
        # One order, each pair once: the order in which pairs are named changes no number.
        object.__setattr__(self, "pairs", tuple(pair for pair in PAIRS if pair in self.pairs))

    @property
    def redraws_front(self) -> bool:
        """Whether one side of each pair goes through a random map; architecture 1 has no front."""
        return self.front == "redrawn" and self.architecture != 1

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that the pairs name, in the network's order."""
        return tuple(layer for layer in LAYERS if any(pair.endswith(f";{layer}") for pair in self.pairs))


@dataclass(frozen=True)
class TrialConfig:
    """One trial: a configuration and its seed."""

    seed: int = 0
    """Seed of everything random in the trial."""
    data: DataConfig = field(default_factory=DataConfig)
    lenet: LeNetConfig = field(default_factory=LeNetConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    mine: MineConfig = field(default_factory=MineConfig)

    def __post_init__(self) -> None:
        _check_types(self, "")
        _check_types(self.data, "data")
        require(0 <= self.seed < 2**63, "seed", self.seed, "from 0 to 2^63 - 1")
        first, last = self.schedule.first_probe, self.lenet.epochs - 1
        require(first <= last, "schedule.first_probe", first, f"at most {last}, the last epoch of lenet.epochs")
        available = TRAIN_SAMPLES[self.data.name]
        limit = f"at most {available}, the size of {self.data.name}'s training set"
        for path, samples, batch in (
            ("lenet.train_samples", self.lenet.train_samples, self.lenet.batch_size),
            ("mine.samples", self.mine.samples, self.mine.batch_size),
        ):
            require(samples is None or samples <= available, path, samples, limit)
            used = available if samples is None else samples
            batch_path = f"{path.split('.')[0]}.batch_size"
            require(batch <= used, batch_path, batch, f"at most {used}, the samples in use ({path})")
        check_last_batch(self.mine, self.mine_samples)

    @property
    def runs(self) -> int:
        """Number of MINE runs of the schedule (paper: 6)."""
        return 1 + (self.lenet.epochs - 1 - self.schedule.first_probe) // self.schedule.probe_every

    @property
    def probe_epochs(self) -> range:
        """LeNet-5's epochs after which MINE runs."""
        return range(self.schedule.first_probe, self.lenet.epochs, self.schedule.probe_every)

    @property
    def mine_samples(self) -> int:
        """Number of samples N that MINE and truth use."""
        return TRAIN_SAMPLES[self.data.name] if self.mine.samples is None else self.mine.samples


def check_last_batch(mine: MineConfig, samples: int) -> None:
    """Refuse a last batch of one sample where its marginal sample must be another's.

    Raises:
        InputError: if that is so.
    """
    alone = mine.marginals == "derangement" and samples % mine.batch_size == 1
    allowed = (
        f"dropped where it has one sample ({samples} in batches of {mine.batch_size}) and marginals is derangement"
    )
    require(mine.last_batch == "dropped" or not alone, "mine.last_batch", mine.last_batch, allowed)


def _positive(path: str, value: float) -> None:
    require(math.isfinite(value) and value > 0, path, value, "a finite number above 0")


def _optional_at_least_one(path: str, value: int | None) -> None:
    require(value is None or value >= 1, path, value, "at least 1, or None for all")


@functools.cache
def _hints(section: Any) -> dict[str, Any]:
    return typing.get_type_hints(section)


def _check_types(section: Any, prefix: str) -> None:
    """Hold every field of a frozen dataclass to its type; an int given for a float becomes a float."""
    for name, kind in _hints(typing.cast(Any, type(section))).items():
        path, value = f"{prefix}.{name}".lstrip("."), getattr(section, name)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            require(abs(value) <= sys.float_info.max, path, value, "a number that float64 holds")
            object.__setattr__(section, name, float(value))
        elif typing.get_origin(kind) is tuple:
            require(isinstance(value, list | tuple | set), path, value, "a list or a tuple")
            object.__setattr__(section, name, tuple(value))
            for item in value:
                _check_value(path, item, typing.get_args(kind)[0])
        else:
            _check_value(path, value, kind)


def _check_value(path: str, value: object, kind: Any) -> None:
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        known = any(type(value) is type(choice) and value == choice for choice in choices)
        require(known, path, value, f"one of {', '.join(map(str, choices))}")
        return
    allowed = typing.get_args(kind) or (kind,)
    require(not isinstance(value, int) or abs(value) < 2**63, path, value, "a whole number up to 2^63 - 1")
    names = " or ".join("None" if one is type(None) else one.__name__ for one in allowed)
    require(isinstance(value, allowed) and not isinstance(value, bool), path, value, f"of type {names}")


def pairs_in_words(pairs: Iterable[str]) -> str:
    """Pairs as people read them: all, X or Y where all pairs of a variable are there, and the rest by name.

    >>> pairs_in_words(PAIRS), pairs_in_words(PAIRS[:4]), pairs_in_words(["X;sm1", "Y;sm1"])
    ('all', 'X', 'X;sm1, Y;sm1')
    """
    given, found = tuple(pairs), []
    for variable in "XY":
        of_variable = [pair for pair in PAIRS if pair.startswith(variable)]
        there = [pair for pair in of_variable if pair in given]
        found += [variable] if there == of_variable else there
    return "all" if found == ["X", "Y"] else ", ".join(found)
