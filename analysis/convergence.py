"""How many MINE epochs a fit needs to come near its final level: reinit against finetune."""

import pandas as pd

from analysis import configurations, fit_curves, intervals
from analysis.rendering import OWN_INTERVAL, Column
from analysis.results import Results

MODES = ("reinit", "finetune")

COLUMNS = (
    Column("variable"), Column("run"),
    *(column for mode in MODES for column in (
        Column(mode, digits=1, parts=OWN_INTERVAL), Column(f"{mode}_settled", f"{mode} settled", percent=True))),
    Column("difference", digits=1, parts=OWN_INTERVAL),
)  # fmt: skip


def settings(results: Results) -> list[str]:
    """All that tell rows apart, except the transfer mode."""
    return [path for path in configurations.shown_columns(results.trials) if path != "mine.transfer_mode"]


def rows(results: Results) -> pd.DataFrame:
    """One row per configuration (its transfer mode left out), variable and run: both modes, and their difference.

    `reinit`, `finetune`: the mean epoch over pairs and replicates within a seed, then over seeds; `reinit_settled`: the
    share of fits that are counted; `difference`: finetune less reinit, paired by seed over the pairs that settled in
    both.
    """
    place = [*settings(results), "variable", "run"]
    fits = results.once(fit_curves.collect).converged
    told = list(dict.fromkeys(["seed", "mine.transfer_mode", "mine.epochs", *settings(results)]))
    fits = fits.merge(results.trials[told], left_on="key", right_index=True)
    group = fits.astype(dict.fromkeys(settings(results), object)).groupby(place, dropna=False, observed=True)
    fits = fits.assign(row=group.ngroup(), settled=fits["level"].notna())
    made = fits.drop_duplicates("row").set_index("row")[place]
    last = fits.groupby("row")["mine.epochs"].max().astype(float)
    of_mode = {mode: fits[fits["mine.transfer_mode"] == mode] for mode in MODES}
    epochs = {mode: part.groupby(["row", "seed", "pair"])["converged_at"].mean() for mode, part in of_mode.items()}
    for mode, part in of_mode.items():
        made = made.join(_line(mode, epochs[mode], 0 * last + 1, last))
        made[f"{mode}_settled"] = part.groupby("row")["settled"].mean()
    difference = _line("difference", epochs["finetune"] - epochs["reinit"], 1 - last, last - 1)
    both = set.intersection(*(set(part["row"]) for part in of_mode.values()))
    return made.join(difference[difference.index.isin(both)]).sort_values(place)


def _line(name: str, values: pd.Series, least: pd.Series, most: pd.Series) -> pd.DataFrame:
    """Intervals on means over the pairs of a seed, then over seeds."""
    per_seed = values.groupby(["row", "seed"]).mean().unstack()
    ends = (least[per_seed.index], most[per_seed.index])
    return intervals.named(name, intervals.of_means(per_seed, within=ends))


def notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = [
        f"Epochs until a settled fit stays within {100 * results.rule.near_share:g} % (at least "
        f"{results.rule.near_floor:g} nats) of its final level, fits that ended within "
        "0.05 nats of 0 left out; settled: the share of fits counted. Means over pairs and replicates within a seed, "
        "then over seeds, intervals 95 % over seeds, n seeds. difference: finetune less reinit, paired by seed over "
        "the pairs that settled in both. The first run starts alike in both modes."
    ]
    missing = [mode for mode in MODES if mode not in set(results.trials["mine.transfer_mode"])]
    if missing:
        lines.append(f"No trial has transfer mode {' or '.join(missing)}, so there is nothing to compare.")
    if not len(rows):
        lines.append("No curve of a completed trial was found.")
    return lines
