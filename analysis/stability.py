"""The stability table: per configuration, how often fits exploded and settled, and where they ended."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import cells, configurations, intervals, layer_order, levels, paper, words
from analysis.rendering import INTERVAL, Column
from analysis.results import COMMITTED, Results
from trainables.verdict import BIASES, OUTCOMES

SPREADS = (("spread_seeds", "spread of seeds"), ("spread_replicates", "of replicates"))

_OUTCOMES = (
    Column("seeds"), Column("fits"), Column("exploded", percent=True, parts=INTERVAL),
    Column("exploded_epoch", "at epoch", digits=0), Column("collapsed", percent=True), Column("stuck", percent=True),
    Column("unsettled", percent=True), Column("settled", percent=True, parts=INTERVAL),
)  # fmt: skip

_BIASES = (
    *(Column(*one, hidden=True) for one in SPREADS),  # shown in the consistency table
    Column("truth_at_ceiling", "truth at ceiling", percent=True),
    Column("bias_truth", "bias to truth"), Column("bias_optimum", "bias to optimum"),
    *(Column(f"{bias}_{kind}", hidden=True) for kind in levels.KINDS for bias in BIASES),
)  # fmt: skip

WORDS = (
    Column("word", "we say"), Column("paper_row", "paper's row"), Column("paper", "paper says"), Column("agrees"),
    Column("counted"),
)  # fmt: skip

COLUMNS = (
    Column("variable"), *_OUTCOMES, *levels.COLUMNS, *_BIASES, Column("disorder", percent=True),
    Column("disorder_truth", "disorder (truth)", percent=True), *WORDS,
)  # fmt: skip

PAIR_COLUMNS = (Column("pair"), *_OUTCOMES, *levels.OF_ONE_PAIR, *_BIASES)


def rows(results: Results) -> pd.DataFrame:
    """One row per configuration and variable, of completed trials. Values in nats, intervals over seeds.

    - `exploded` to `settled`: shares of fits; `exploded_epoch`: median, under the committed rule only;
    - `estimate` to `per_optimum`: see `levels.table`; `spread_seeds`, `spread_replicates`: see `spreads`;
    - `truth_at_ceiling`: share of fits whose truth is the ceiling, so that the noise took nothing away;
    - `bias_truth`, `bias_optimum`: the two commonest verdicts on the settled fits' bias; `within_truth`, `under_truth`,
      ...: the share of each verdict;
    - `disorder`, `disorder_truth`: share of neighbouring layers in the wrong order (eq. 6 and 7), in the settled
      estimates and in the truths;
    - `paper_row`, `paper`: the paper's row and word; `word`: ours by the same reading; `agrees`: yes or no; `counted`:
      whether the row is the authors' own construction; all empty where the paper has no row.
    """
    fits, made = _rows(results, "variable")
    word, theirs = words.of_rows(fits, results.rule), paper.stability_rows(made)
    agrees = np.where(theirs["paper"] == "", "", np.where(word == theirs["paper"], "yes", "no"))
    made = made.join([layer_order.disorder(fits, results.rule), theirs]).assign(word=word, agrees=agrees)
    return _sorted(results, made)


def pair_rows(results: Results) -> pd.DataFrame:
    """One row per configuration and pair, with what of `rows` a single pair has."""
    return _sorted(results, _rows(results, "pair")[1])


def _rows(results: Results, unit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    fits, made = cells.arrange(results, unit)
    ends = levels.table(fits, results.rule)
    return fits, made.join([_shares(fits), ends, spreads(fits), _biases(fits)])


def _sorted(results: Results, made: pd.DataFrame) -> pd.DataFrame:
    return made.sort_values(configurations.shown_columns(results.trials), kind="stable")


def _shares(fits: pd.DataFrame) -> pd.DataFrame:
    """How many fits, and how they ended."""
    flags = pd.get_dummies(fits["outcome"])[list(OUTCOMES)].astype(float)
    per_seed = flags.groupby([fits["row"], fits["seed"]]).mean()
    of_row, epoch = per_seed.groupby("row"), fits["exploded_epoch"].where(fits["outcome"] == "exploded")
    found = of_row[["collapsed", "stuck", "unsettled"]].mean()
    found = found.assign(
        seeds=of_row.size(), fits=fits.groupby("row").size(), exploded_epoch=epoch.groupby(fits["row"]).median()
    )
    return found.join(
        [intervals.named(one, intervals.of_shares(per_seed[one].unstack())) for one in ("exploded", "settled")]
    )


def spreads(fits: pd.DataFrame) -> pd.DataFrame:
    """How consistent settled fits are, standard deviations in nats, means over pairs and runs: `spread_seeds` between
    seeds, `spread_replicates` between the replicates of a seed.
    """
    of_cell = fits["settled_estimate"].groupby([fits["row"], fits["cell"], fits["seed"]])
    between = of_cell.mean().groupby(["row", "cell"]).std().groupby("row").mean()
    return pd.DataFrame({"spread_seeds": between, "spread_replicates": of_cell.std().groupby("row").mean()})


def at_ceiling(fits: pd.DataFrame) -> pd.Series:
    """Whether the noise takes no information away, so that a fit's truth is its ceiling.

    >>> at_ceiling(pd.DataFrame({"ceiling": [2.3, 2.3], "truth": [2.3, 2.0], "truth_standard_error": 0.001})).tolist()
    [True, False]
    """
    margin = np.maximum(2 * fits["truth_standard_error"], 1e-3 * fits["ceiling"])
    return fits["ceiling"] - fits["truth"] <= margin


def _biases(fits: pd.DataFrame) -> pd.DataFrame:
    """The verdicts on settled fits' bias to the truth and to the optimum, and how often the truth is the ceiling."""
    found = at_ceiling(fits).groupby(fits["row"]).mean().to_frame("truth_at_ceiling")
    for kind in levels.KINDS:
        counts = pd.get_dummies(fits[f"bias_{kind}"]).groupby(fits["row"]).sum()
        shares = counts.div(counts.sum(axis=1), axis=0)
        found = found.join(shares.add_suffix(f"_{kind}"))
        found[f"bias_{kind}"] = [_commonest(BIASES, line) for line in shares.fillna(0).to_numpy().tolist()]
    return found


def _commonest(names: Sequence[str], shares: Sequence[float]) -> str:
    """The two largest shares, in words."""
    top = sorted(range(len(names)), key=lambda place: -shares[place])[:2]
    return ", ".join(f"{names[place]} {100 * shares[place]:.0f}%" for place in top if shares[place] > 0)


REDRAWN = (
    "Where front is redrawn the optimum, which allows any T, is only an upper bound: T sees one side of a pair through "
    "a random map."
)


def notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    trials, least = results.trials, COMMITTED.least_epochs
    lines = [
        "Shares are of fits, intervals 95 % over seeds (none where seeds do not differ), values in nats. Estimates are "
        "of settled fits, so conditional on not exploding. stuck: never off the ground, though the truth is.",
        *([] if "pair" in rows else [levels.NOTE]),
        "truth: exact mutual information of the samples with the noisy layer; optimum: what the chosen marginals "
        "make the bound aim at; disorder: neighbouring layers in the wrong order, then in the truths.",
    ]
    if "agrees" in rows and not (rows["agrees"] != "").any():
        lines.append("agrees is empty: no row here is one of the paper's (its Table 2, a finished LeNet-5 on MNIST).")
    if "agrees" in rows and (rows["agrees"] != "").any() and trials["mine.samples"].notna().any():
        scale = f"{trials['mine.samples'].min()} samples, {trials['mine.epochs'].min()} MINE epochs at the least"
        lines.append(f"Reduced scale ({scale}): agreement with the paper's words says little before fits have settled.")
    if len(trials) and trials["mine.epochs"].min() < least:
        lines.append(f"Fits of fewer than {least} MINE epochs are too short to be judged, so they are unsettled.")
    if len(rows) and rows["exploded_epoch"].isna().all() and (rows["exploded"] > 0).any():
        lines.append("at epoch is empty: it is recorded under the committed thresholds only.")
    if len(rows) and (rows["settled"] == 0).any():
        lines.append("Rows without a settled fit have no estimate and no bias.")
    if len(rows) and (rows["truth_at_ceiling"] == 1).any():
        lines.append(
            "Where truth at ceiling is 100 % there is no truth but the ceiling: the noise is too small (or 0) to take "
            "information away, so est./truth says which part of H(X) or H(Y) was found."
        )
    if len(rows) and np.isinf(rows["optimum"].astype(float)).any():
        lines.append(
            "An infinite optimum: without noise deranged marginals never meet the joint, so the bound has no top."
        )
    if ((trials["mine.front"] == "redrawn") & (trials["mine.architecture"] != 1)).any():
        lines.append(REDRAWN)
    return lines


THRESHOLDS = {"halved": 0.5, "committed": 1.0, "doubled": 2.0}
"""Factors on the verdict rule's tolerances under which words and shares are reported."""

_SHOWN = (("exploded", True), ("settled", True), ("word", False))

THRESHOLD_COLUMNS = (
    Column("variable"), Column("seeds"),
    *(Column(f"{name}_{kind}", percent=percent) for kind in THRESHOLDS for name, percent in _SHOWN),
)  # fmt: skip


def threshold_rows(results: Results) -> pd.DataFrame:
    """Shares and words by the rule with its tolerances halved and doubled."""
    made = results.once(rows)
    for kind, factor in THRESHOLDS.items():
        same = made if factor == 1 else rows(results.under(results.rule.scaled(factor)))
        made = made.assign(**{f"{name}_{kind}": same[name] for name, _ in _SHOWN})
    return made


def threshold_notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of `threshold_rows`."""
    lines = ["The rule's tolerances halved, as committed, and doubled: what hangs on a threshold changes here."]
    if len(rows) and (rows["seeds"] == 1).any():
        lines.append("Where seeds is 1, one seed alone decides a row.")
    return lines
