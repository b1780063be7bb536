"""One pass over all curves: some whole curves to draw, and every fit's epochs to convergence."""

from collections.abc import Iterator

import pandas as pd

from analysis import convergence, figure_data, frames
from trainables.verdict import VerdictRule

MOST = 20_000
"""Curves that are kept to be drawn, about; of a larger study a part of each configuration and pair."""

_FIT = ["key", "run", "pair", "replicate"]


def collect(
    results: str | frames.Results,
    trials: pd.DataFrame,
    judged: pd.DataFrame,
    rule: VerdictRule | None = None,
    most: int = MOST,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read all curves once.

    >>> from analysis import judging
    >>> source = "docs/example/results"
    >>> trials, fits = frames.trials(source), judging.judge(judging.fits(source))
    >>> sampled, converged = collect(source, trials, fits)
    >>> len(sampled) == len(fits) * 40, len(converged) == len(fits)
    (True, True)

    Args:
        results: folder or URI, or the study read from it, which then notes what cannot be read.
        judged: as `judging.judge` returns them.
        most: fits whose curves are kept, about.

    Returns:
        The curves of sampled fits, with `configuration`, `fit`, `outcome`, `exploded_at` and `ceiling` (see
        `figure_data.sample_fits`); and the fits with `converged_at` (see `convergence.fit_epochs`).
    """
    chosen = figure_data.sample_fits(judged, trials, most)
    columns = [*_FIT, "configuration", "outcome", "exploded_epoch", "ceiling"]
    labels = chosen[columns].rename(columns={"exploded_epoch": "exploded_at"}).astype({"key": str, "pair": str})
    study = frames.study(results)
    kept: list[pd.DataFrame] = []

    def pieces() -> Iterator[pd.DataFrame]:
        for piece in study.curve_pieces(convergence.CURVE_COLUMNS):
            of_piece = labels[labels["key"].isin(piece["key"].cat.categories)]
            kept.append(piece.astype({"key": str, "pair": str}).merge(of_piece, on=_FIT))
            yield piece

    converged = convergence.fit_epochs(judged, pieces(), rule)
    if not kept:
        return labels.iloc[:0].assign(mine_epoch=0, bound=0.0, fit=""), converged
    sampled = pd.concat(kept, ignore_index=True)
    names = sampled["key"] + "/" + sampled["run"].astype(str) + "/" + sampled["replicate"].astype(str)
    return sampled.assign(fit=names + "/" + sampled["pair"]), converged
