"""The fields of a trial: types, defaults, ranges, and what each is for."""

import functools
import math
import sys
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from trainables.bounds import BOUNDS
from trainables.errors import require, require_one_of
from trainables.subjects import networks
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

    name: Literal[tuple(DATASETS)] = "mnist"  # type: ignore[valid-type]  # a Literal of a constant
    """Data set; digits are scikit-learn's 1,797 digits, without a download."""
    root: str | None = None
    """Folder of the data sets; unset: $MINE_STUDY_DATA, then the platform's cache folder."""
    scaling: Literal["unit", "standardized"] = later("unit")
    """Inputs that the network and MINE read: unit, in [0, 1]; standardized, less the data set's mean, over its std."""


@dataclass(frozen=True)
class NetworkConfig:
    """The network that is studied, and how it is trained."""

    name: Literal[tuple(NETWORKS)] = later("lenet5")  # type: ignore[valid-type]  # a Literal of a constant
    """Network: lenet5, the paper's; or mlp, three hidden layers of 64, 32 and 16 tanh units."""
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
        _check(self, "network", epochs=1, batch_size=1, train_samples=1)
        _positive("network.learning_rate", self.learning_rate)
        require(0 <= self.momentum < 1, "network.momentum", self.momentum, "at least 0 and below 1")


@dataclass(frozen=True)
class ScheduleConfig:
    """When MINE runs."""

    probe_every: int = 4
    """MINE runs after every n-th of the network's epochs, from first_probe on (paper: every 4th)."""
    first_probe: int = later(0)
    """The network's epoch, from 0, of MINE's first run; network.epochs - 1: one run, on the finished network."""

    def __post_init__(self) -> None:
        _check(self, "schedule", probe_every=1, first_probe=0)


@dataclass(frozen=True)
class MineConfig:
    """How MINE is built and trained."""

    architecture: Literal[1, 2, 3] = 1
    """Statistics network (paper, section 1.4): 1 concatenates, 2 convolves first, 3 has a non-linearity per side."""
    front: Literal["trained", "redrawn"] = later("trained")
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
    """Weights at the start of a run: reinit draws them again, finetune continues from the previous run's."""
    replicates: int = 3
    """Statistics networks trained side by side per pair, from independent initialisations."""
    bound: Literal[tuple(BOUNDS)] = later("donsker_varadhan")  # type: ignore[valid-type]  # a Literal of a constant
    """Bound that T ascends."""
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
    samples: int | None = None
    """Training samples that MINE and truth use, a fixed stratified subset; None: all."""
    pairs: tuple[str, ...] = ()
    """Pairs to estimate, each variable;layer (X;sm1); none given: all of the network's."""

    def __post_init__(self) -> None:
        _check(
            self, "mine", hidden_units=1, hidden_layers=1, branch_units=0, conv_channels=1, replicates=1, epochs=1,
            batch_size=2, samples=1,
        )  # fmt: skip
        # Below, squared distances over the variance leave float64's digits; above, float32's range nears.
        usable = self.noise_std == 0 or 1e-4 <= self.noise_std <= 1e6
        require(usable, "mine.noise_std", self.noise_std, "0, or from 0.0001 to 1000000")
        odd = self.conv_kernel >= 1 and self.conv_kernel % 2 == 1
        require(odd, "mine.conv_kernel", self.conv_kernel, "odd and at least 1")
        _positive("mine.learning_rate", self.learning_rate)
        rate = self.moving_average_rate
        require(0 < rate <= 1, "mine.moving_average_rate", rate, "above 0 and at most 1")

    @property
    def redraws_front(self) -> bool:
        """Whether one side of each pair goes through a random map; architecture 1 has no front."""
        return self.front == "redrawn" and self.architecture != 1


@dataclass(frozen=True)
class TrialConfig:
    """One trial: a configuration and its seed."""

    seed: int = 0
    """Seed of everything random in the trial."""
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    mine: MineConfig = field(default_factory=MineConfig)

    def __post_init__(self) -> None:
        _check(self, "")
        _check(self.data, "data")
        require(0 <= self.seed < 2**63, "seed", self.seed, "from 0 to 2^63 - 1")
        first, last = self.schedule.first_probe, self.network.epochs - 1
        require(first <= last, "schedule.first_probe", first, f"at most {last}, the last epoch of network.epochs")
        available = self.available
        limit = f"at most {available}, the size of {self.data.name}'s training set"
        for path, samples, batch in (
            ("network.train_samples", self.network.train_samples, self.network.batch_size),
            ("mine.samples", self.mine.samples, self.mine.batch_size),
        ):
            require(samples is None or samples <= available, path, samples, limit)
            used = available if samples is None else samples
            batch_path = f"{path.split('.')[0]}.batch_size"
            require(batch <= used, batch_path, batch, f"at most {used}, the samples in use ({path})")
        check_last_batch(self.mine, self.mine_samples)
        everything = networks.pairs(NETWORKS[self.network.name].layers)
        for pair in self.mine.pairs:
            require_one_of("mine.pairs", pair, everything)
        # One order, each pair once, none where all are named: none of this changes a number.
        named = tuple(pair for pair in everything if pair in self.mine.pairs)
        object.__setattr__(self, "mine", replace(self.mine, pairs=() if named == everything else named))

    @property
    def pairs(self) -> tuple[str, ...]:
        """The pairs to estimate: those of X in the network's order, then those of Y."""
        return self.mine.pairs or networks.pairs(NETWORKS[self.network.name].layers)

    @property
    def layers(self) -> Mapping[str, str]:
        """The probed layers that the pairs name, in the network's order, each with its module."""
        described = NETWORKS[self.network.name].layers
        return {layer: module for layer, module in described.items() if {f"X;{layer}", f"Y;{layer}"} & set(self.pairs)}

    @property
    def available(self) -> int:
        """Number of the data set's training samples."""
        return DATASETS[self.data.name].train

    @property
    def runs(self) -> int:
        """Number of MINE runs of the schedule (paper: 6)."""
        return 1 + (self.network.epochs - 1 - self.schedule.first_probe) // self.schedule.probe_every

    @property
    def probe_epochs(self) -> range:
        """The network's epochs after which MINE runs."""
        return range(self.schedule.first_probe, self.network.epochs, self.schedule.probe_every)

    @property
    def mine_samples(self) -> int:
        """Number of samples N that MINE and truth use."""
        return self.available if self.mine.samples is None else self.mine.samples


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


@functools.cache
def _hints(section: Any) -> dict[str, Any]:
    return typing.get_type_hints(section)


def _check(section: Any, prefix: str, **least: int) -> None:
    """Hold every field of a frozen dataclass to its type and its least value; an int for a float becomes a float."""
    for name, kind in _hints(typing.cast(Any, type(section))).items():
        path, value = f"{prefix}.{name}".lstrip("."), getattr(section, name)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            require(abs(value) <= sys.float_info.max, path, value, "a number that float64 holds")
            object.__setattr__(section, name, float(value))
        elif typing.get_origin(kind) is tuple:
            require(isinstance(value, list | tuple | set), path, value, "a list or a tuple")
            object.__setattr__(section, name, tuple(value))
            for item in value:
                _check_value(path, item, str)
        else:
            _check_value(path, value, kind)
        if name in least and value is not None:
            or_all = ", or None for all" if kind == int | None else ""
            require(value >= least[name], path, value, f"at least {least[name]}{or_all}")


def _check_value(path: str, value: object, kind: Any) -> None:
    allowed = typing.get_args(kind) or (kind,)
    if typing.get_origin(kind) is Literal:
        require_one_of(path, value, allowed)
        return
    require(not isinstance(value, int) or abs(value) < 2**63, path, value, "a whole number up to 2^63 - 1")
    names = " or ".join("None" if one is type(None) else one.__name__ for one in allowed)
    require(isinstance(value, allowed) and not isinstance(value, bool), path, value, f"of type {names}")


def pairs_in_words(pairs: Iterable[str]) -> str:
    """Pairs as people read them: all, X or Y where all pairs of a variable are there, and the rest by name."""
    given, found = tuple(pairs), []
    known = (networks.pairs(one.layers) for one in NETWORKS.values())
    of_network = next((one for one in known if set(given) <= set(one)), given)
    for variable in "XY":
        of_variable = [pair for pair in of_network if pair.startswith(variable)]
        there = [pair for pair in of_variable if pair in given]
        found += [variable] if there == of_variable else there
    return "all" if not given or found == ["X", "Y"] else ", ".join(found)
