"""What the paper reports, and which of our configurations are its own."""

from collections.abc import Mapping
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

_FIXES = {
    "data.name": "mnist",
    "lenet.epochs": 21,
    "lenet.learning_rate": 3e-4,
    "schedule.probe_every": 4,
    "mine.hidden_layers": 1,
    "mine.gradient_correction": "none",
}
"""What the paper fixes and the study can change; marginals are a shuffle, so not independent draws."""


def stability_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The paper's row and word for configurations; empty where it has none.

    Args:
        rows: the configuration by field path, and `variable`.

    Returns:
        Columns `paper_row` and `paper`, on the index of `rows`.
    """
    found = pd.DataFrame({"paper_row": "", "paper": ""}, index=rows.index)
    fixed = rows["mine.marginals"] != "independent"
    for path, value in _FIXES.items():
        fixed &= rows[path] == value
    for variable, settings, noisy, name, word in STABILITY:
        same = fixed & (rows["variable"] == variable) & ((rows["mine.noise_std"] > 0) == noisy)
        for path, value in settings.items():
            same &= rows[path] == value
        found.loc[same.fillna(False).astype(bool), ["paper_row", "paper"]] = [name, word]
    return found
