"""What the figures show, worked out: frames for `analysis.figures`."""

import numpy as np
import pandas as pd

from analysis import configurations, intervals, stability
from trainables.settings import short_name


def explosion_grid(
    trials: pd.DataFrame, judged: pd.DataFrame, rows: str, columns: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Share of exploded fits over two fields, all other settings together, and the text of each cell.

    >>> from analysis import frames, judging
    >>> source = "docs/example/results"
    >>> fits = judging.judge(judging.fits(source))
    >>> shares, _ = explosion_grid(frames.trials(source), fits, "mine.noise_std", "mine.hidden_units")
    >>> list(shares.index)
    ['0', '1']
    """
    known = trials.loc[judged["key"].cat.categories, [rows, columns, "seed"]]
    # Unset sizes last; a group's key must not be missing.
    known = known.assign(**{path: known[path].astype(object).fillna(np.inf) for path in (rows, columns)})
    fits = known.iloc[judged["key"].cat.codes].assign(exploded=(judged["outcome"] == "exploded").to_numpy(float))
    per_seed = fits.groupby([rows, columns, "seed"])["exploded"].mean()
    values, texts = {}, {}
    for (row, column), group in per_seed.groupby([rows, columns]):
        found = intervals.of_share(group)
        span = "" if np.isnan(found.low) else f"\n[{100 * found.low:.0f}, {100 * found.high:.0f}]"
        values[row, column] = found.mean
        texts[row, column] = f"{100 * found.mean:.0f} %{span}\nn = {found.seeds}"
    shares = pd.Series(values).unstack()
    words = pd.Series(texts).unstack().fillna("")
    for frame in (shares, words):
        frame.index = pd.Index([configurations.setting(one) for one in frame.index], name=short_name(rows))
        frame.columns = pd.Index([configurations.setting(one) for one in frame.columns], name=short_name(columns))
    return shares, words


def runs(curves: pd.DataFrame) -> pd.DataFrame:
    """Curves by run with each run's median over fits, as `figures.run_curves` takes them.

    >>> made = pd.DataFrame({"key": "k", "run": 1, "replicate": 0, "mine_epoch": [1, 2], "bound": [0.1, 0.2]})
    >>> runs(made)["middle"].tolist()
    [False, False, True, True]
    """
    labels = curves["key"].astype(str) + "/" + curves["replicate"].astype(str) + "/" + curves["run"].astype(str)
    single = curves[["run", "mine_epoch", "bound"]].assign(fit=labels, middle=False)
    # A fit that left the numbers has left the median too: it stays on the side it left to, here above.
    bound = curves["bound"].astype(float).where(np.isfinite(curves["bound"]), np.inf)
    median = bound.groupby([curves["run"], curves["mine_epoch"]]).median().rename("bound").reset_index()
    return pd.concat([single, median.assign(fit=median["run"].astype(str), middle=True)], ignore_index=True)


def known_answers(fits: pd.DataFrame) -> dict[str, float]:
    """Mean ceiling, truth and optimum of some fits, in nats.

    >>> known_answers(pd.DataFrame({"ceiling": [2.0], "truth": [1.0], "optimum": [1.0]}))["truth"]
    1.0
    """
    return {name: float(fits[name].mean()) for name in ("ceiling", "truth", "optimum")}


def sample_fits(judged: pd.DataFrame, trials: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most about `most` fits whose curves are drawn: of every configuration and pair some of each verdict.

    The fits of a cell are ordered by verdict and estimate, and taken at even distances, so each verdict is there
    in its share, a rare explosion at the end of the order always.

    >>> from analysis import frames, judging
    >>> source = "docs/example/results"
    >>> len(sample_fits(judging.judge(judging.fits(source)), frames.trials(source), 100)) <= 400
    True
    """
    if judged.empty:
        return judged.assign(configuration="")
    configuration = trials["configuration"].reindex(judged["key"].cat.categories).to_numpy()
    fits = judged.assign(configuration=configuration[judged["key"].cat.codes])
    order = fits["outcome"].cat.codes.rsub(len(stability.OUTCOMES))  # exploded last
    fits = fits.assign(order=order).sort_values(["configuration", "pair", "order", "estimate"], kind="stable")
    cell = fits.groupby(["configuration", "pair"], observed=True, sort=False)
    size, place = cell["run"].transform("size"), cell.cumcount()
    each = max(4, most // max(1, cell.ngroups))
    # Taken where the n-th of `each` even steps ends: the last of the order always is.
    taken = (size <= each) | ((place + 1) * each // size > place * each // size)
    return fits[taken].drop(columns="order")
