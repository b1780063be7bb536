"""The network's accuracy by epoch, over seeds, beside the paper's (its Table 3)."""

import pandas as pd

from analysis import configurations, intervals, paper
from analysis.rendering import INTERVAL, Column
from analysis.results import Results
from trainables.settings import fields

COLUMNS = (
    Column("epoch"), Column("seeds"), Column("accuracy", percent=True, digits=1, parts=INTERVAL),
    *(Column(name, percent=True, digits=1) for name in ("spread", "least", "most")),
    Column("paper_accuracy", "paper", percent=True), Column("deviation", "less the paper's", percent=True, digits=1),
)  # fmt: skip

_ALWAYS_READ = ("data.name", "network.name", "network.learning_rate")


def settings(results: Results) -> list[str]:
    """The settings of the network that vary."""
    return [path for path in configurations.varied_columns(results.trials) if path in _paths()]


def _paths() -> list[str]:
    return ["data.name", *(path for path in fields() if path.startswith(("network.", "schedule.")))]


def rows(results: Results) -> pd.DataFrame:
    """One row per epoch after which MINE ran, for every network and way in which it was trained.

    `spread`: standard deviation over seeds; `paper_accuracy`: only of LeNet-5 on MNIST with the paper's learning rate;
    `deviation`: the difference from it. Trials of one seed share a network, which counts once.
    """
    shown = settings(results)
    found = results.network.merge(results.trials[["seed", *_paths()]], left_on="key", right_index=True)
    since = found["epoch"] - found["schedule.first_probe"]
    found = found[(since >= 0) & (since % found["schedule.probe_every"] == 0)]
    # By the settings that are shown, so that one that changes no number (Adam's momentum) keeps no seeds apart.
    told = [path for path in _paths() if path in shown or path in _ALWAYS_READ]
    per_seed = found.groupby([*told, "epoch", "seed"], dropna=False)["test_accuracy"].mean()
    of_row = per_seed.groupby([*told, "epoch"], dropna=False).agg(spread="std", least="min", most="max")
    made = intervals.named("accuracy", intervals.of_shares(per_seed.unstack())).join(of_row).reset_index()
    like_paper = (made["data.name"] == "mnist") & (made["network.name"] == "lenet5")
    like_paper &= made["network.learning_rate"] == 3e-4
    made["paper_accuracy"] = made["epoch"].map(paper.ACCURACY).where(like_paper)
    made = made.assign(seeds=made["accuracy_seeds"], deviation=made["accuracy"] - made["paper_accuracy"])
    return made.sort_values([*shown, "epoch"])


def notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = ["Accuracy on the test set after the epoch, intervals 95 % over seeds."]
    if "paper_accuracy" not in rows:
        return lines
    lines.append("paper: its Table 3, one run.")
    if len(rows) and rows["paper_accuracy"].isna().all():
        lines.append("The paper's column is empty: it is of LeNet-5 on MNIST, with learning rate 0.0003.")
    samples = results.trials["network.train_samples"].dropna()
    if len(samples) and len(rows) and rows["paper_accuracy"].notna().any():
        lines.append(f"The network learnt from {samples.min()} images at the least, the paper's from 60,000.")
    return lines
