"""What the paper and its authors report, and which of our configurations are their own.

N. Tokovenko and L. Rigter, *Investigating the Learning Dynamics of Convolutional Neural Networks using the Mutual
Information Neural Estimator*. What it leaves unsaid, and the points of its figures, are in the authors' scripts and
figure data of June to October 2019, github.com/ntokoven/Project-AI.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

STABILITY: tuple[tuple[str, Mapping[str, Any], bool, str, str], ...] = (
    # variable, settings, noise added, the paper's name of the row, its result (paper, Table 2)
    ("X", {"mine.architecture": 1, "mine.hidden_units": 10}, False, "Architecture 1", "Exploding"),
    ("X", {"mine.architecture": 1, "mine.hidden_units": 10}, True, "Architecture 1(2)", "Converged"),
    ("X", {"mine.architecture": 1, "mine.hidden_units": 20}, True, "Architecture 1(3)", "Converged"),
    ("X", {"mine.architecture": 2, "mine.hidden_units": 10}, False, "Architecture 2", "Underestimated"),
    ("X", {"mine.architecture": 3, "mine.hidden_units": 10}, False, "Architecture 3", "Exploding"),
    ("X", {"mine.architecture": 3, "mine.hidden_units": 10}, True, "Architecture 3(2)", "Underestimated"),
    ("Y", {"mine.architecture": 1, "mine.hidden_units": 10}, False, "Architecture 1", "Exploding"),
    ("Y", {"mine.architecture": 1, "mine.hidden_units": 100}, True, "Architecture 1(3)", "Converged"),
)
"""Table 2 of the paper. Where it does not name the hidden units, they are the 10 of its section 1.4."""

ACCURACY = {0: 0.70, 4: 0.83, 8: 0.91, 12: 0.94, 16: 0.96, 20: 0.97}
"""Table 3 of the paper: LeNet-5's accuracy on MNIST's test set, by epoch."""

_FIXES = {"network.name": "lenet5", "data.name": "mnist", "mine.hidden_layers": 1, "mine.gradient_correction": "none"}
"""What the paper says of every row of Table 2 and the study can change; marginals are a shuffle, so not independent
draws, and the network is a finished one, probed once."""

LAYERS = ("maxpool1", "maxpool2", "relu3", "sm1")
"""The layers that the paper probes, in the order of the network (its Table 1)."""

NOISE = 2.0
"""Standard deviation of the authors' noise, for X and for Y, in activation units."""

_AUTHORS: Mapping[str, Any] = {
    "network.name": "lenet5",
    "data.name": "mnist",
    "data.scaling": "standardized",
    "network.optimizer": "sgd",
    "network.momentum": 0.5,
    "network.batch_size": 64,
    "network.last_batch": "kept",
    "network.train_samples": None,
    "network.output": "log_softmax",
    "mine.hidden_layers": 1,
    "mine.samples": None,
    "mine.batch_size": 256,
    "mine.last_batch": "kept",
    "mine.optimizer": "adam",
    "mine.learning_rate": 1e-3,
    "mine.marginals": "permutation",
    "mine.log_mean_exp": "naive",
    "mine.gradient_correction": "none",
}
"""What all of the authors' runs share; None: all 60,000 images."""

_SLOW: Mapping[str, Any] = {
    **_AUTHORS,
    "network.learning_rate": 3e-4,
    "network.epochs": 21,
    "schedule.first_probe": 0,
    "schedule.probe_every": 4,
    "mine.architecture": 1,
    "mine.noise_std": NOISE,
    "mine.transfer_mode": "reinit",
}
"""Their Figures 3 to 5: six runs on a LeNet-5 that learns slowly."""

_FINISHED: Mapping[str, Any] = {
    **_AUTHORS,
    "network.learning_rate": 0.01,
    "network.epochs": 10,
    "schedule.first_probe": 9,
    "mine.transfer_mode": "reinit",
    "mine.epochs": 100,
}
"""Their Table 2: one run on a LeNet-5 that has learnt."""


@dataclass(frozen=True)
class Points:
    """Points that the authors plotted or printed, of one variable, all by one configuration."""

    figures: tuple[str, ...]
    """Where they stand: Figures 4 and 5 show the same points of Y."""
    settings: Mapping[str, Any]
    """The authors' settings by field path. Captions say 20 units; for Y there were 100."""
    values: Mapping[str, tuple[float, ...]]
    """Their read-out in nats, by pair, from run 1 on."""
    before_the_end: int = 4
    """MINE epochs between the read-out and the end of the curve."""


POINTS = (
    Points(
        ("Figure 3",),
        {**_SLOW, "mine.hidden_units": 20, "mine.epochs": 30},
        {
            "X;maxpool1": (3.51, 4.60, 4.81, 4.17, 3.87, 4.49),
            "X;maxpool2": (1.73, 4.65, 4.78, 4.29, 4.17, 4.72),
            "X;relu3": (0.34, 4.48, 4.79, 4.87, 4.69, 4.95),
            "X;sm1": (0.01, 2.97, 3.29, 3.22, 3.24, 3.24),
        },
    ),
    Points(
        ("Figure 3",),
        {**_SLOW, "mine.hidden_units": 100, "mine.epochs": 30},
        {
            "Y;maxpool1": (1.00, 0.62, 0.87, 0.77, 1.07, 0.92),
            "Y;maxpool2": (0.67, 1.40, 1.47, 1.44, 1.49, 1.58),
            "Y;relu3": (0.15, 1.48, 1.54, 1.61, 1.63, 1.65),
            "Y;sm1": (0.01, 1.52, 1.67, 1.74, 1.79, 1.83),
        },
    ),
    Points(
        ("Figure 4",),
        {**_SLOW, "mine.hidden_units": 20, "mine.epochs": 30},
        {
            "X;maxpool1": (4.03, 4.95, 4.66, 4.70, 4.86, 4.75),
            "X;maxpool2": (1.52, 5.51, 4.46, 4.89, 6.06, 5.54),
            "X;relu3": (0.23, 4.52, 4.92, 4.86, 4.95, 4.75),
            "X;sm1": (0.01, 2.98, 3.32, 3.31, 3.28, 3.20),
        },
    ),
    Points(
        ("Figure 5",),
        {**_SLOW, "mine.hidden_units": 100, "mine.epochs": 50},
        {
            "X;maxpool1": (4.30, 6.47, 7.15, 5.77, 7.04, 7.64),
            "X;maxpool2": (1.46, 6.56, 6.86, 7.53, 7.35, 7.54),
            "X;relu3": (0.19, 4.69, 4.99, 5.26, 5.14, 5.26),
            "X;sm1": (0.01, 3.10, 3.49, 3.47, 3.52, 3.49),
        },
    ),
    Points(
        ("Figure 4", "Figure 5"),
        {**_SLOW, "mine.hidden_units": 100, "mine.epochs": 50},
        {
            "Y;maxpool1": (1.13, 1.27, 1.37, 1.37, 1.20, 1.38),
            "Y;maxpool2": (0.53, 1.54, 1.59, 1.63, 1.64, 1.65),
            "Y;relu3": (0.08, 1.55, 1.65, 1.70, 1.72, 1.77),
            "Y;sm1": (0.01, 1.53, 1.72, 1.80, 1.85, 1.88),
        },
    ),
    Points(
        ("Table 2",),
        {**_FINISHED, "mine.architecture": 1, "mine.noise_std": NOISE, "mine.hidden_units": 100},
        {"Y;maxpool1": (1.32,), "Y;maxpool2": (1.95,), "Y;relu3": (2.07,), "Y;sm1": (2.12,)},
        before_the_end=0,
    ),
)
"""The authors' 124 points, rounded to two decimals. In the figures a point is the mean bound of the fifth epoch from
the end, in Table 2 that of the last."""


PLANES = ("Figure 3", "Figure 4", "Figure 5")
"""The paper's information planes."""


def plane_settings(figure: str, variable: str) -> Mapping[str, Any]:
    """The authors' settings of a variable's points in an information plane.

    >>> [plane_settings("Figure 3", variable)["mine.hidden_units"] for variable in "XY"]
    [20, 100]
    """
    return next(p.settings for p in POINTS if figure in p.figures and f"{variable};sm1" in p.values)


def having(rows: pd.DataFrame, settings: Mapping[str, Any]) -> pd.Series:
    """Which rows have all of these settings.

    >>> having(pd.DataFrame({"mine.samples": [None, 6000]}), {"mine.samples": None}).tolist()
    [True, False]

    Args:
        rows: configurations by field path; sizes that are the whole training set missing, as in `frames.trials`.
        settings: values by field path; None: missing.
    """
    found = pd.Series(True, index=rows.index)
    for path, value in settings.items():
        same = rows[path].isna() if value is None else (rows[path] == value).fillna(False)
        found &= same.astype(bool)
    return found


def stability_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The paper's row and word for configurations, and whether they are its authors' own; empty where it has none.

    Args:
        rows: the configuration by field path, and `variable`.

    Returns:
        Columns `paper_row`, `paper` and `counted` (yes or no), on the index of `rows`.
    """
    found = pd.DataFrame({"paper_row": "", "paper": "", "counted": ""}, index=rows.index)
    fixed = having(rows, _FIXES) & (rows["mine.marginals"] != "independent")
    fixed &= rows["schedule.first_probe"] == rows["network.epochs"] - 1
    theirs = having(rows, _FINISHED) & rows["mine.noise_std"].isin((0.0, NOISE))
    theirs &= (rows["mine.architecture"] == 1) | (rows["mine.front"] == "redrawn")
    for variable, settings, noisy, name, word in STABILITY:
        same = fixed & having(rows, settings) & (rows["variable"] == variable) & ((rows["mine.noise_std"] > 0) == noisy)
        found.loc[same, ["paper_row", "paper"]] = [name, word]
        found.loc[same, "counted"] = theirs[same].map({True: "yes", False: "no"})
    return found


_COLUMNS = ("paper_row", "paper", "agrees", "counted", "paper_accuracy", "deviation")
"""Columns of tables that hold ours beside the paper's."""


def without(rows: pd.DataFrame) -> pd.DataFrame:
    """A table without the columns on the paper that are empty because none of its rows is the paper's."""
    empty = [name for name in _COLUMNS if name in rows and (rows[name].isna() | (rows[name] == "")).all()]
    return rows.drop(columns=empty)


def is_of(trials: pd.DataFrame) -> bool:
    """Whether a study has configurations of the paper's Table 2."""
    return any((stability_rows(trials.assign(variable=variable))["paper_row"] != "").any() for variable in "XY")
