"""The paper's words for a configuration: Exploding, Converged, Underestimated (its Table 2)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.results import COMMITTED
from trainables.verdict import VerdictRule

WORDS = ("Exploding", "Converged", "Underestimated")


def of_rows(fits: pd.DataFrame, rule: VerdictRule) -> pd.Series:
    """The word of each row, that of most of its seeds.

    Args:
        fits: as `cells.arrange` returns them.
    """
    reference = np.minimum(fits["truth"], fits["optimum"])
    settled, at_zero = fits["outcome"] == "settled", fits["outcome"].isin(["stuck", "collapsed"])
    usable = (settled | at_zero) & (reference >= rule.least_reference)
    of_fit = pd.DataFrame(
        {
            "exploded": fits["outcome"] == "exploded",
            "ended": settled | at_zero,
            "ratio": (fits["estimate"].where(settled, 0) / reference).where(usable),
        }
    )
    grouped = of_fit.groupby([fits["row"], fits["seed"]])
    shares, ratio = grouped[["exploded", "ended"]].mean(), grouped["ratio"].median()
    words = pd.Series(of_seeds(shares["exploded"], shares["ended"], ratio, rule), index=ratio.index)
    return words.groupby("row").agg(majority_word)


def of_seeds(
    exploded: ArrayLike, ended: ArrayLike, ratio: ArrayLike, rule: VerdictRule = COMMITTED
) -> NDArray[np.str_]:
    """The word for the fits of one seed, for many seeds at once; "" where there is none.

    | word | condition, the first that holds |
    |---|---|
    | Exploding | a quarter of the fits exploded |
    | none | fewer than half ended (settled, stuck or collapsed), or the ratio is above 3/2 |
    | Converged | the ratio is at least 2/3 |
    | Underestimated | otherwise |

    Args:
        exploded, ended: shares of a seed's fits.
        ratio: the median of estimate / min(optimum, truth) over the ended fits whose denominator is at least
            `least_reference`, where stuck and collapsed fits count as 0; NaN if there are none.
    """
    share, ratios = np.asarray(exploded, float), np.asarray(ratio, float)
    none = (np.asarray(ended, float) < rule.ended_share) | ~(ratios <= rule.bias_ratio)
    choices = [share >= rule.exploding_share, none, ratios >= 1 / rule.bias_ratio]
    return np.select(choices, [WORDS[0], "", WORDS[1]], default=WORDS[2])


def majority_word(words: Sequence[str]) -> str:
    """The word that more than half of the seeds have, or "" if there is none."""
    return next((word for word in WORDS if 2 * list(words).count(word) > len(words)), "")
