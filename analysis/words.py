"""The paper's words for a configuration: Exploding, Converged, Underestimated (its Table 2)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.verdict import VerdictRule

WORDS = ("Exploding", "Converged", "Underestimated")
"""The paper's words for a configuration (its Table 2)."""


def of_seeds(
    exploded: ArrayLike, ended: ArrayLike, ratio: ArrayLike, rule: VerdictRule | None = None
) -> NDArray[np.str_]:
    """The paper's words for the fits of one seed, for many seeds at once.

    Exploding if a quarter of the fits exploded; else none if fewer than half ended (settled, stuck or collapsed);
    else, with m the median ratio, Converged if 2/3 <= m <= 3/2, Underestimated if m < 2/3, none above.

    Args:
        exploded, ended: shares of a seed's fits.
        ratio: m, the median of estimate / min(optimum, truth) over the ended fits whose denominator is at least
            `least_reference`, where stuck and collapsed fits count as 0; NaN if there are none.

    Returns:
        One of `WORDS` or "" per seed.

    >>> of_seeds([0.25, 0, 0, 0], [0.7, 0.4, 1, 1], [1, 1, 1, 0.5]).tolist()
    ['Exploding', '', 'Converged', 'Underestimated']
    """
    rule = rule or VerdictRule()
    share, ratios = np.asarray(exploded, float), np.asarray(ratio, float)
    none = (np.asarray(ended, float) < rule.ended_share) | ~(ratios <= rule.bias_ratio)
    choices = [share >= rule.exploding_share, none, ratios >= 1 / rule.bias_ratio]
    return np.select(choices, [WORDS[0], "", WORDS[1]], default=WORDS[2])


def majority_word(words: Sequence[str]) -> str:
    """The word that more than half of the seeds have, or "" if there is none.

    >>> majority_word(["Converged", "Converged", ""]), majority_word(["Converged", ""])
    ('Converged', '')
    """
    return next((word for word in WORDS if 2 * list(words).count(word) > len(words)), "")
