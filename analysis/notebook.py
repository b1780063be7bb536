"""A study in a notebook: `load` reads a results folder, and what it gives shows itself."""

import html
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import configurations, overview, rendering, tables
from analysis.results import COMMITTED, Results
from trainables.errors import require
from trainables.settings import short_name


@dataclass(frozen=True)
class Picture:
    """A figure that a notebook shows."""

    figure: Any
    """Of matplotlib, which takes long to import, so only where something is drawn."""

    def save(self, out: str) -> Path:
        """Write it; the ending names the kind: .svg, .png, .pdf, .jpg.

        Raises:
            InputError: if it cannot be written there.
        """
        from analysis import pair_curves

        return pair_curves.save(self.figure, out)

    def _repr_svg_(self) -> str:
        import matplotlib

        from analysis import layout, pictures

        with matplotlib.rc_context(layout.STYLE):
            return pictures.picture(self.figure, "svg").decode()


class StudyResults(Results):
    """A study's results, as `Results`, with what a notebook asks first."""

    def fits(self) -> pd.DataFrame:
        """One row per fit: its seed, the network's `epoch`, `layer`, `variable`, `replicate`, the settings by the names
        that tables show, `estimate`, `truth` and `optimum` in nats, `outcome`.

        >>> fits = load("docs/example/results").fits()
        >>> fits.query("outcome != 'exploded'").groupby(["variable", "noise_std"], observed=True).size().to_dict()
        {('X', 0.0): 245, ('X', 1.0): 564, ('Y', 0.0): 288, ('Y', 1.0): 768}
        """
        paths = configurations.shown_columns(self.trials)
        fits = self.configured(self.judged, ["seed", *paths])
        fits = fits.assign(layer=fits["pair"].astype(str).str[2:]).rename(columns={"network_epoch": "epoch"})
        columns = ["seed", "epoch", "layer", "variable", "replicate", *paths, "estimate", "truth", "optimum", "outcome"]
        return fits[columns].rename(columns=short_name).reset_index(drop=True)

    def table(self, name: str = "stability") -> pd.DataFrame:
        """A table with all its columns.

        Raises:
            InputError: if there is none of this name.
        """
        return tables.find(name).frame(self)

    def plane(self, number: int = 1) -> Picture:
        """An information plane, numbered as in the report.

        Raises:
            InputError: if there are not so many.
        """
        from analysis import figures

        drawn = list(itertools.islice(figures.information_planes(self), max(0, number)))
        require(0 < number <= len(drawn), "number", number, f"that of a plane; there are {len(drawn)} up to it")
        return Picture(drawn[-1].figure)

    def curves(self, pair: str | None = None, first: int | None = None) -> Picture:
        """The learning curves of a pair, by default the first, a panel per configuration; `first`: at most so many.

        Raises:
            InputError: if the pair is unknown or has no completed fit.
        """
        from analysis import pair_curves

        return Picture(pair_curves.draw(self, pair, first))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {overview.size(self)}>"

    def _repr_html_(self) -> str:
        said = f"<p>{html.escape(overview.size(self))}</p><p><b>{html.escape(overview.answer(self))}</b></p>"
        if self.judged.empty:
            return said
        rows = self.once(overview.rows)[
            [*configurations.shown_columns(self.trials), *rendering.names(overview.COLUMNS)]
        ]
        kept, same = rendering.condensed(list(rendering.read(rows, overview.COLUMNS)))
        shown = pd.DataFrame({column.heading: column.cells for column in kept}).to_html(index=False, border=0)
        return f"{said}{shown}<p>{html.escape(', '.join(['in every row:', *same]) if same else '')}</p>"


def load(source: str, where: Sequence[str] = ()) -> StudyResults:
    """Read a results folder; files that cannot be read are left out and named in `problems`.

    >>> load("docs/example/results", where=["noise_std=0"])
    <StudyResults docs/example/results: 3 settings x 2 seeds, 576 fits; nats>

    Args:
        where: only trials with these values, each FIELD=VALUE as the tables show it.

    Raises:
        InputError: if it holds no results.
    """
    found = StudyResults(source, COMMITTED, where)
    _ = found.network, found.estimates  # so that `problems` has what is wrong with them
    return found
