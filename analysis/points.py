"""The points of the paper's figures beside ours, with the interval in which a new seed of ours would fall."""

import numpy as np
import pandas as pd

from analysis import paper
from analysis.rendering import INTERVAL, Column
from analysis.results import Results

LEAST_SEEDS = 3
"""Fewer finite seeds say nothing of where another would fall, so the point does not count as inside."""

WIDEST_SHARE, WIDEST_NATS = 0.25, 0.2
"""Half an interval may be this share of the authors' value, or this many nats, whichever is more: a wider one would
hold anything."""

NEAR_ZERO = 0.5
"""Relative distances are to this many nats at least: beside a value near 0 any distance is many times as large."""

COLUMNS = (
    Column("figure"), Column("pair"), Column("run"), Column("theirs"), Column("ours", parts=INTERVAL),
    Column("inside"), Column("relative_distance", percent=True), Column("seeds"), Column("truth"), Column("optimum"),
)  # fmt: skip


def rows(results: Results) -> pd.DataFrame:
    """One row per point of the authors (`paper.POINTS`), or none where no trial has any of their settings.

    A seed's value is its read-out: the mean bound of the epoch that the authors read, missing where it is not finite,
    mean over replicates. The 95 % prediction interval for the value of one new seed is the mean over n seeds +-
    t s sqrt(1 + 1/n); s and the degrees of freedom of t are pooled over a pair's runs from 2 on, and run 1, in which
    LeNet-5 knows little, has its own.

    `theirs`, `ours`: in nats; `inside`: yes, or no, which also a point has with fewer than `LEAST_SEEDS` finite seeds
    or an interval that is too wide (`WIDEST_SHARE`); `relative_distance` of the means; `seeds` that are finite; `truth`
    and `optimum`: means over all seeds.
    """
    done = results.trials[results.trials["state"] == "completed"]
    chosen = [done.index[paper.having(done, points.settings)] for points in paper.POINTS]
    read = _read_outs(results, set().union(*chosen))
    found = [_beside(points, read, results.estimates, keys) for points, keys in zip(paper.POINTS, chosen, strict=True)]
    made = pd.concat(found, ignore_index=True)
    return made if made["optimum"].notna().any() else made.iloc[:0]


def _read_outs(results: Results, keys: set[str]) -> pd.DataFrame:
    """Every seed's finite read-outs in nats: `before_the_end`, `key`, `seed`, `pair`, `run`, `value`."""
    found = [pd.DataFrame(columns=["before_the_end", "key", "seed", "pair", "run", "value"])]
    for fits, bound in results.curve_arrays(keys) if keys else ():
        fits = fits.assign(seed=results.trials["seed"].reindex(fits["key"]).to_numpy())
        for before in {points.before_the_end for points in paper.POINTS}:
            read = fits.assign(before_the_end=before, value=bound[:, -1 - before])
            found.append(read[np.isfinite(read["value"])][list(found[0])])
    return pd.concat(found)


def _beside(points: paper.Points, read: pd.DataFrame, fits: pd.DataFrame, keys: pd.Index) -> pd.DataFrame:
    """The points of one configuration beside ours."""
    theirs = [
        (" and ".join(points.figures), pair, run, value)
        for pair, values in points.values.items()
        for run, value in enumerate(values, 1)
    ]
    rows = pd.DataFrame(theirs, columns=["figure", "pair", "run", "theirs"]).set_index(["pair", "run"])
    read = read[read["key"].isin(keys) & (read["before_the_end"] == points.before_the_end)]
    per_seed = read.groupby(["pair", "run", "seed"])["value"].mean().astype(float).groupby(["pair", "run"])
    rows = rows.join(per_seed.agg(ours="mean", variance="var", seeds="count"))
    rows["seeds"] = rows["seeds"].fillna(0).astype(int)
    known = fits[fits["key"].isin(keys)].astype({"pair": str}).groupby(["pair", "run"])[["truth", "optimum"]].mean()
    rows = rows.join(known).reset_index()
    half = _half_widths(rows)
    counted = (rows["seeds"] >= LEAST_SEEDS) & (half <= np.maximum(WIDEST_NATS, WIDEST_SHARE * rows["theirs"]))
    away = (rows["ours"] - rows["theirs"]).abs()
    return rows.assign(
        ours_low=rows["ours"] - half,
        ours_high=rows["ours"] + half,
        inside=np.where(counted & (away <= half), "yes", "no"),
        relative_distance=away / np.maximum(rows["theirs"], NEAR_ZERO),
    )


def _half_widths(rows: pd.DataFrame) -> pd.Series:
    """Half of the 95 % prediction interval for one new seed; missing where no two seeds tell the spread."""
    freedom = (rows["seeds"] - 1).clip(lower=0)
    pool = [rows["pair"], rows["run"] == 1]
    total = freedom.groupby(pool).transform("sum")
    pooled = (rows["variance"].fillna(0) * freedom).groupby(pool).transform("sum") / total.where(total > 0)
    from scipy import stats  # slow to import

    return stats.t.ppf(0.975, total.where(total > 0)) * np.sqrt(
        pooled * (1 + 1 / rows["seeds"].where(rows["seeds"] > 0))
    )


def notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = [
        "theirs: the authors' value, mean bound of the fifth MINE epoch from the end (Table 2: of the last); ours: the "
        "same read-out, mean over seeds, with the 95 % prediction interval for one new seed (standard deviation of a "
        "pair pooled over runs 2 to 6, run 1 by itself). The read-out serves this comparison alone: it is no estimate, "
        "and where it is not finite a seed does not count. Values in nats."
    ]
    if rows.empty:
        return [*lines, "No configuration here is one of the authors' figures."]
    few, median = int((rows["seeds"] < LEAST_SEEDS).sum()), rows["relative_distance"].median()
    near = "there is no distance" if np.isnan(median) else f"the median relative distance of the means is {median:.1%}"
    lines.append(
        f"{(rows['inside'] == 'yes').sum()} of {len(rows)} points inside; {near}. {few} have fewer than {LEAST_SEEDS} "
        f"finite seeds, which counts as not inside, as does half an interval of more than {WIDEST_NATS:g} nats and "
        f"{100 * WIDEST_SHARE:g} % of their value. Relative distances are to {NEAR_ZERO:g} nats at least."
    )
    return lines
