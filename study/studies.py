"""The named studies."""

import sys
from pathlib import Path
from typing import Any

from study.space import PAPER_AXES, Study, grid
from trainables.bounds import BOUNDS
from trainables.errors import require, require_one_of
from trainables.settings import TrialConfig, replace
from trainables.subjects import own

_DIGITS = replace(
    TrialConfig(),
    {
        "data.name": "digits",
        # With the defaults LeNet-5 does not learn 1,437 images in 21 epochs; with these it reaches 99 %.
        "network.batch_size": 16,
        "network.learning_rate": 3e-3,
        # Explosion needs a thousand steps or more: small batches and a larger step bring it within a run.
        "mine.batch_size": 32,
        "mine.learning_rate": 1e-3,
        "mine.hidden_units": 20,
        "mine.epochs": 32,
        "mine.replicates": 2,
    },
)

DEMO = Study(
    name="demo",
    description="Explosion and convergence side by side.",
    configurations=grid(_DIGITS, {"mine.marginals": ("permutation", "derangement"), "mine.noise_std": (0.0, 1.0)}),
    seeds=(0, 1, 2),
)

# The paper, by what its authors ran (their scripts and job files; docs/reproduction.md).

_FRONTS = ("redrawn", "trained")
"""Of architectures 2 and 3: the authors' construction, and the one that the paper describes."""

_AUTHORS = replace(
    TrialConfig(),
    {
        "data.scaling": "standardized",
        "network.output": "log_softmax",
        "network.momentum": 0.5,
        "network.batch_size": 64,
        "network.last_batch": "kept",
        "mine.batch_size": 256,
        "mine.last_batch": "kept",
        "mine.learning_rate": 1e-3,
        "mine.replicates": 1,
    },
)
"""What all their runs share; LeNet-5 learns slowly (3e-4), with six runs of MINE on the way."""

_FINISHED = replace(
    _AUTHORS, {"network.learning_rate": 0.01, "network.epochs": 10, "schedule.first_probe": 9, "mine.epochs": 100}
)
"""Table 2: one run of MINE on a trained LeNet-5."""

_NOISE = 2.0
"""Standard deviation of the authors' noise, for X and for Y."""

_X, _Y = (tuple(pair for pair in TrialConfig().pairs if pair.startswith(variable)) for variable in "XY")


def _one(base: TrialConfig, pairs: tuple[str, ...], **mine: Any) -> TrialConfig:
    return replace(base, {"mine.pairs": pairs, **{f"mine.{name}": value for name, value in mine.items()}})


_TABLE_2 = (
    _one(_FINISHED, (), hidden_units=10),  # X: architecture 1; Y: architecture 1
    _one(_FINISHED, _X, hidden_units=10, noise_std=_NOISE),  # X: architecture 1(2)
    _one(_FINISHED, _X, hidden_units=20, noise_std=_NOISE),  # X: architecture 1(3)
    _one(_FINISHED, _Y, hidden_units=100, noise_std=_NOISE),  # Y: architecture 1(3)
    *(_one(_FINISHED, _X, architecture=2, front=front) for front in _FRONTS),  # X: architecture 2
    *(_one(_FINISHED, _X, architecture=3, front=front) for front in _FRONTS),  # X: architecture 3
    *(_one(_FINISHED, _X, architecture=3, front=front, noise_std=_NOISE) for front in _FRONTS),  # X: architecture 3(2)
)

_NOISY = replace(_AUTHORS, {"mine.noise_std": _NOISE})

_FIGURES = (
    _one(_NOISY, _X, hidden_units=20, epochs=30),  # Figures 3 and 4
    _one(_NOISY, _Y, hidden_units=100, epochs=30),  # Figure 3
    _one(_NOISY, _X, hidden_units=100, epochs=50),  # Figure 5
    _one(_NOISY, _Y, hidden_units=100, epochs=50),  # Figures 1, 4 and 5
    _one(_NOISY, _X, hidden_units=20, epochs=30, transfer_mode="finetune"),  # theirs explodes
    _one(_NOISY, _Y, hidden_units=100, epochs=30, transfer_mode="finetune"),  # Figure 2
)

PAPER = Study(
    name="paper",
    description="The paper's Table 2, Figures 1 to 5 and Table 3, by its authors' settings.",
    configurations=_FIGURES + _TABLE_2,
    seeds=(5, 6, 7, 8, 9),
)

_FACTORIAL = replace(
    _AUTHORS,
    {"schedule.probe_every": 20, "mine.samples": 6_000, "mine.epochs": 64, "mine.conv_channels": 1},
)
"""A tenth of their samples, MINE on a new and on a finished LeNet-5, trained fronts of one filter (as theirs had):
1,536 steps per fit rather than more runs, so that 270 trials take about three hours on two cores."""

FACTORIAL = Study(
    name="factorial",
    description="Architecture x noise std x hidden units x transfer mode, by the authors' other settings.",
    configurations=grid(_FACTORIAL, PAPER_AXES),
    seeds=(0, 1, 2),
)

_BOUNDS = replace(
    _DIGITS,
    {
        "network.epochs": 9,
        "schedule.first_probe": 8,
        "mine.batch_size": 64,
        "mine.epochs": 64,
        "mine.held_out": 0.25,
        "mine.replicates": 1,
    },
)
"""One run of MINE on a LeNet-5 that has learnt, on three quarters of the samples, 1,024 steps per fit."""

BOUNDS_STUDY = Study(
    name="bounds",
    description="Bounds x marginals x noise std x hidden units, on digits.",
    configurations=grid(
        _BOUNDS,
        {
            "mine.bound": tuple(BOUNDS),
            "mine.marginals": ("permutation", "derangement", "independent"),
            "mine.noise_std": (0.0, 1.0),
            "mine.hidden_units": (20, 100),
        },
    ),
    seeds=(0, 1, 2),
)

STUDIES = {study.name: study for study in (DEMO, PAPER, FACTORIAL, BOUNDS_STUDY)}


def find(name: str) -> Study:
    """The study of this name, or the one of a file.

    Raises:
        InputError: if there is none.
    """
    if name.endswith(".py"):
        return _in_file(Path(name))
    require_one_of("study", name, STUDIES, other=", or a file that holds a mine_study.Study")
    return STUDIES[name]


def _in_file(path: Path) -> Study:
    """The one `mine_study.Study` of a file, of a network that it trains."""
    require(path.is_file(), "study", str(path), "a file that is there")
    sys.path.insert(0, str(path.parent.absolute()))  # where its own modules are
    held = vars(own.module(f"{path.stem}:", "study")).values()
    found = [one for one in held if type(one).__module__ == "mine_study" and type(one).__name__ == "Study"]
    require(len(found) == 1, "study", str(path), f"a file that holds one mine_study.Study; it has {len(found)}")
    return Study(path.stem, f"as {path} has it.", tuple(found[0].configurations()), found[0].seeds)
