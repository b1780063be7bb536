"""A trial's whole configuration: sections of fields that must fit together, and what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from trainables.errors import require, require_one_of
from trainables.settings.checks import check
from trainables.settings.fields import DataConfig, MineConfig, NetworkConfig, ScheduleConfig
from trainables.subjects import datasets, networks, own
from trainables.subjects.datasets import DATASETS
from trainables.subjects.networks import Network


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
        check(self, "")
        require(0 <= self.seed < 2**63, "seed", self.seed, "from 0 to 2^63 - 1")
        schedule, last = self.schedule, self.network.epochs - 1
        path, latest = ("epochs", schedule.epochs[-1]) if schedule.epochs else ("first_probe", schedule.first_probe)
        require(latest <= last, f"schedule.{path}", latest, f"at most {last}, the last epoch of network.epochs")
        if self.data.name in DATASETS:  # those of one's own are not loaded to be named
            self.check_sizes()
        everything = networks.pairs(self.described.layers)
        for pair in self.mine.pairs:
            require_one_of("mine.pairs", pair, everything)
        # One order, each pair once, none where all are named: none of this changes a number.
        named = tuple(pair for pair in everything if pair in self.mine.pairs)
        object.__setattr__(self, "mine", replace(self.mine, pairs=() if named == everything else named))

    @property
    def pairs(self) -> tuple[str, ...]:
        """The pairs to estimate: those of X in the network's order, then those of Y."""
        return self.mine.pairs or networks.pairs(self.described.layers)

    @property
    def described(self) -> Network:
        """The network, and its layers in order."""
        return networks.described(self.network.name, self.network.layers)

    @property
    def layers(self) -> Mapping[str, str]:
        """The probed layers that the pairs name, in the network's order, each with its module."""
        described = self.described.layers
        return {layer: module for layer, module in described.items() if {f"X;{layer}", f"Y;{layer}"} & set(self.pairs)}

    @property
    def available(self) -> int:
        """Number of the data set's training samples; of one's own they are loaded."""
        return self.mine.samples or 0 if self.data.name == own.PROBED else self.data_set.train

    @property
    def runs(self) -> int:
        """Number of MINE runs of the schedule (paper: 6)."""
        return len(self.probe_epochs)

    @property
    def probe_epochs(self) -> Sequence[int]:
        """The network's epochs after which MINE runs."""
        every = range(self.schedule.first_probe, self.network.epochs, self.schedule.probe_every)
        return self.schedule.epochs or every

    @property
    def mine_samples(self) -> int:
        """Number of samples that MINE and truth use."""
        return self.available if self.mine.samples is None else self.mine.samples

    @property
    def held_out_samples(self) -> int:
        """Those of them that T is not trained on."""
        return round(self.mine.held_out * self.mine_samples)

    @property
    def fitted_samples(self) -> int:
        """The others: N."""
        return self.mine_samples - self.held_out_samples

    def with_sources(self) -> "TrialConfig":
        """The same with the digests of the sources of one's own network and data set.

        Raises:
            InputError: if one of them cannot be imported.
        """
        digests = {
            section: own.digest(config.name, f"{section}.name")
            for section, config in (("network", self.network), ("data", self.data))
            if own.is_own(config.name)
        }
        changed = {section: replace(getattr(self, section), source=digest) for section, digest in digests.items()}
        return replace(self, **changed) if changed else self

    @property
    def data_set(self) -> datasets.Data:
        """The data set's shape, classes and sizes; one's own is loaded."""
        return datasets.described(self.data.name, self.data.root, self.data.bins)

    def check_sizes(self) -> None:
        """Hold samples and batches to the data set's size, for which one's own is loaded.

        Raises:
            InputError: if they are larger, or a last batch too small.
        """
        available = self.available
        limit = f"at most {available}, the size of {self.data.name}'s training set"
        for path, samples, batch in (
            ("network.train_samples", self.network.train_samples, self.network.batch_size),
            ("mine.samples", self.mine.samples, self.mine.batch_size),
        ):
            if self.data.name == own.PROBED and path.startswith("network"):
                continue
            require(samples is None or samples <= available, path, samples, limit)
            used = available if samples is None else samples
            batch_path = f"{path.split('.')[0]}.batch_size"
            require(batch <= used, batch_path, batch, f"at most {used}, the samples in use ({path})")
        for part in (self.fitted_samples, self.held_out_samples if self.mine.held_out else self.fitted_samples):
            enough = f"such that both parts of {self.mine_samples} samples have {self.mine.batch_size}, mine.batch_size"
            require(part >= self.mine.batch_size, "mine.held_out", self.mine.held_out, enough)
            check_last_batch(self.mine, part)


def check_last_batch(mine: MineConfig, samples: int) -> None:
    """Refuse a last batch of one sample where its marginal sample must be another's.

    Raises:
        InputError: if that is so.
    """
    alone = mine.marginals == "derangement" and not mine.all_pairs and samples % mine.batch_size == 1
    allowed = (
        f"dropped where it has one sample ({samples} in batches of {mine.batch_size}) and marginals is derangement"
    )
    require(mine.last_batch == "dropped" or not alone, "mine.last_batch", mine.last_batch, allowed)
