"""The network's accuracy by epoch, over seeds, beside the paper's (its Table 3)."""

import pandas as pd

from analysis import configurations, intervals, judging, paper, stability
from trainables.settings import fields


def table(trials: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
    """One row an epoch after which MINE ran, for every network and way in which it was trained.

    >>> from analysis import frames
    >>> source = "docs/example/results"
    >>> rows = table(frames.trials(source), frames.network(source))
    >>> rows["epoch"].tolist(), rows["seeds"].tolist()
    ([0, 4, 8, 12, 16, 20], [3, 3, 3, 3, 3, 3])

    Returns:
        settings of the network that vary; `epoch`; `seeds`; `accuracy` with its interval over seeds; `spread`
        (standard deviation over seeds), `least`, `most`; `paper_accuracy`, only of LeNet-5 on MNIST with the
        paper's learning rate, and the `deviation` from it. Trials of one seed share a network, which counts once.
    """
    paths = ["data.name", *(path for path in fields() if path.startswith(("network.", "schedule.")))]
    shown = [path for path in paths if path in configurations.varied_columns(trials)]
    columns = [
        *shown, "epoch", "seeds", "accuracy", "accuracy_low", "accuracy_high", "spread", "least", "most",
        "paper_accuracy", "deviation",
    ]  # fmt: skip
    if learnt.empty:
        return pd.DataFrame(columns=columns)
    rows = learnt.merge(trials[["seed", *paths]], left_on="key", right_index=True)
    since = rows["epoch"] - rows["schedule.first_probe"]
    rows = rows[(since >= 0) & (since % rows["schedule.probe_every"] == 0)]
    # By the settings that are shown, so that one that changes no number (Adam's momentum) keeps no seeds apart.
    told = [path for path in paths if path in shown or path in _ALWAYS_READ]
    per_seed = rows.groupby([*told, "epoch", "seed"], dropna=False)["test_accuracy"].mean()
    keys = per_seed.index.droplevel("seed")  # type: ignore[arg-type]
    number, present = pd.factorize(keys)
    per_row = pd.Series(
        per_seed.to_numpy(),
        index=pd.MultiIndex.from_arrays([number, per_seed.index.get_level_values("seed")], names=["row", "seed"]),
    )
    made = pd.MultiIndex.from_tuples(present, names=keys.names).to_frame(index=False)
    interval = intervals.of_shares(judging.by_seed(per_row))
    grouped = per_row.groupby("row")
    made["seeds"] = interval["seeds"]
    made = made.join(judging.named(interval, "accuracy"))
    made = made.assign(spread=grouped.std(), least=grouped.min(), most=grouped.max())
    like_paper = (made["data.name"] == "mnist") & (made["network.name"] == "lenet5")
    like_paper &= made["network.learning_rate"] == 3e-4
    made["paper_accuracy"] = made["epoch"].map(paper.ACCURACY).where(like_paper)
    made["deviation"] = made["accuracy"] - made["paper_accuracy"]
    return made[columns].sort_values([*shown, "epoch"], ignore_index=True)


_ALWAYS_READ = ("data.name", "network.name", "network.learning_rate")


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table, in sentences.

    >>> from analysis import frames
    >>> source = "docs/example/results"
    >>> trials = frames.trials(source)
    >>> notes(trials, table(trials, frames.network(source)))[0][:8]
    'Accuracy'
    """
    lines = ["Accuracy on the test set after the epoch, intervals 95 % over seeds; paper: its Table 3, one run."]
    if len(rows) and rows["paper_accuracy"].isna().all():
        lines.append("The paper's column is empty: it is of LeNet-5 on MNIST, with learning rate 0.0003.")
    samples = trials["network.train_samples"].dropna()
    if len(samples) and len(rows) and rows["paper_accuracy"].notna().any():
        lines.append(f"The network learnt from {samples.min()} images at the least, the paper's from 60,000.")
    if len(rows) and (rows["seeds"] == 1).any():
        lines.append("One seed has no interval: the seed is the unit of statistics.")
    return lines + stability.failures(trials)
