"""The headline findings: sentences made from the numbers of the tables."""

import numpy as np
import pandas as pd

from analysis import configurations, differences, stability
from analysis.results import COMMITTED, Results
from analysis.tables import TABLES
from trainables.sentences import counted
from trainables.settings import setting, short_name
from trainables.verdict import OUTCOMES


def sentences(results: Results) -> list[str]:
    """What the study found, one finding per sentence, each with its numbers."""
    trials, judged = results.trials, results.judged
    found = [_size(trials, judged)]
    if judged.empty:
        return [*found, "No trial completed, so there is no estimate to report."]
    names = ("stability", "convergence", "differences", "order")
    rows, converged, compared, ordered = (TABLES[name].frame(results) for name in names)
    found += [_shares(judged), _worst(trials, rows), *_truth(judged), *_paper(rows), *_modes(converged)]
    return [*found, *_effects(compared), *_order(ordered)]


def _size(trials: pd.DataFrame, judged: pd.DataFrame) -> str:
    states = trials["state"].value_counts()
    seeds, most = trials["seed"].nunique(), trials.groupby("configuration")["seed"].nunique().max()
    text = (
        f"{counted(len(trials), 'trial')} of {counted(trials['configuration'].nunique(), 'configuration')}, seeds "
        f"{', '.join(map(str, sorted(trials['seed'].unique())[:10]))}{', ...' if seeds > 10 else ''}: "
        f"{states.get('completed', 0)} completed, {states.get('failed', 0)} failed; {len(judged)} fits."
    )
    if trials["mine.samples"].notna().any() or trials["network.train_samples"].notna().any():
        smallest = trials[["mine.samples", "network.train_samples"]].min().min()
        text += f" A reduced scale: {smallest} samples and {trials['mine.epochs'].min()} MINE epochs at the least."
    return text + (" With one seed per configuration no interval is possible." if most == 1 else "")


def _shares(judged: pd.DataFrame) -> str:
    shares = judged["outcome"].value_counts(normalize=True)
    parts = [f"{_percent(shares.get(name, 0))} {name}" for name in OUTCOMES]
    return f"Of all fits {', '.join(parts[:-1])} and {parts[-1]}."


def _worst(trials: pd.DataFrame, rows: pd.DataFrame) -> str:
    if not (rows["exploded"] > 0).any():
        return "No fit exploded."
    worst = rows.iloc[int(rows["exploded"].argmax())]
    calm = rows.groupby(configurations.shown_columns(trials), dropna=False)["exploded"].max()
    return (
        f"Explosion is most frequent with {_configuration(trials, worst)} for {worst['variable']}: "
        f"{_share(worst, 'exploded')}. {int((calm == 0).sum())} of {len(calm)} configurations had none."
    )


def _truth(judged: pd.DataFrame) -> list[str]:
    found = []
    for variable in judged["variable"].cat.categories:
        settled = judged[(judged["variable"] == variable) & (judged["outcome"] == "settled")]
        known = settled.loc[settled["truth"] >= COMMITTED.least_reference, "bias_truth"].dropna()
        if settled.empty:
            found.append(f"No fit for {variable} settled, so there is no estimate to hold against the truth.")
        elif len(known):
            shares = known.value_counts(normalize=True)
            near = shares.get("within", 0)
            unknown = shares.get("undecided", 0)
            text = (
                f"Of the {len(known)} settled fits for {variable} whose truth is at least "
                f"{COMMITTED.least_reference:g} nats, {_percent(near)} came within a factor of "
                f"{COMMITTED.bias_ratio:g} or {COMMITTED.bias_floor:g} nats of the truth; "
                f"{_percent(shares.get('under', 0))} are further under it and "
                f"{_percent(shares.get('over', 0))} further over it"
                f"{f'; of {_percent(unknown)} the standard error of the truth decides' if unknown else ''}."
            )
            found.append(text)
        if stability.at_ceiling(judged[judged["variable"] == variable]).all():
            found.append(
                f"For {variable} the noise takes nothing away: every truth is the ceiling H({variable}), which no "
                "estimate can pass but by error."
            )
    return found


def _paper(rows: pd.DataFrame) -> list[str]:
    theirs = rows[rows["counted"] == "yes"]
    if theirs.empty:
        return []
    agree = int((theirs["agrees"] == "yes").sum())
    wrong = theirs[theirs["agrees"] == "no"]
    parts = [
        f"{row['paper_row']} for {row['variable']} (paper: {row['paper']}; here: {row['word'] or 'no word'})"
        for _, row in wrong.iterrows()
    ]
    text = f"{agree} of the {len(theirs)} rows of the paper's Table 2 that were built as its authors did agree with it."
    return [text + (f" Not: {'; '.join(parts)}." if parts else "")]


def _modes(converged: pd.DataFrame) -> list[str]:
    later = converged[(converged["run"] > 1) & converged["difference"].notna()]
    if later.empty:
        return []
    certain = differences.certain(later, "difference")
    sooner, later_ = int((certain & (later["difference"] < 0)).sum()), int((certain & (later["difference"] > 0)).sum())
    mean = later["difference"].mean()
    word = "fewer" if mean < 0 else "more"
    return [
        f"From the second run on finetune needed {abs(mean):.1f} MINE epochs {word} than reinit to come near its final "
        f"level (mean over {len(later)} rows of configuration, variable and run): the 95 % interval leaves out 0 in "
        f"{sooner} rows where it needed fewer and in {later_} where it needed more."
    ]


def _effects(compared: pd.DataFrame) -> list[str]:
    if compared.empty:
        return []
    certain = compared[differences.certain(compared, "exploded")]
    text = f"{len(certain)} of {len(compared)} comparisons of two configurations show a difference in explosion"
    if certain.empty:
        without = int(compared["exploded_low"].isna().sum())
        why = f" ({without} have no interval: one seed, or seeds that do not differ)" if without else ""
        return [f"{text} whose 95 % interval leaves out 0{why}."]
    most = certain.iloc[int(certain["exploded"].abs().argmax())]
    others = f" ({most['others']})" if most["others"] else ""
    return [
        f"{text} whose 95 % interval leaves out 0; the largest: {short_name(most['field'])} "
        f"{setting(most['from'])} to {setting(most['to'])}{others}, {most['variable']}: "
        f"{100 * most['exploded']:+.0f} [{100 * most['exploded_low']:+.0f}, {100 * most['exploded_high']:+.0f}] "
        f"percentage points, n = {most['exploded_seeds']:.0f}."
    ]


def _order(ordered: pd.DataFrame) -> list[str]:
    known = ordered[ordered["compared"] > 0]
    if known.empty:
        return []
    weights = known["compared"].astype(float)
    estimates, truths = (np.average(known[name], weights=weights) for name in ("violated", "violated_truth"))
    return [
        f"Neighbouring layers are in the wrong order (the later one has more) in {_percent(estimates)} of the settled "
        f"estimates and in {_percent(truths)} of the truths of noisy layers."
    ]


def _configuration(trials: pd.DataFrame, row: pd.Series) -> str:
    return configurations.in_words(row, configurations.varied_columns(trials) or configurations.ALWAYS_SHOWN)


def _share(row: pd.Series, name: str) -> str:
    span = "" if pd.isna(row[f"{name}_low"]) else f" [{100 * row[f'{name}_low']:.0f}, {100 * row[f'{name}_high']:.0f}]"
    return f"{_percent(row[name])}{span} of fits, n = {row['seeds']}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
