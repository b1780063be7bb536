"""Tune's side of a search: it asks for trials and says which have ended; what they found is read from the rows."""

from collections.abc import Mapping
from typing import Any

from ray.tune.search import Searcher

from study.proposals import Proposals
from trainables.settings import TrialConfig, flatten


class RowsSearcher(Searcher):
    """Hands the trials of `Proposals` to Tune.

    Neither a metric nor its absence can stop the sweep, since none is read; and Tune's snapshots hold nothing of the
    search, since the rows, the plan and Optuna's journal hold it.
    """

    def __init__(self, proposals: Proposals, common: Mapping[str, Any]) -> None:
        """`common` are the trainable's parameters but for the trial."""
        super().__init__()
        self._proposals, self._common = proposals, common
        self._running: dict[str, TrialConfig] = {}

    def suggest(self, trial_id: str) -> Any:
        """The next trial's parameters, or `Searcher.FINISHED`."""
        config = self._proposals.next_trial()
        if config is None:
            return Searcher.FINISHED
        self._running[trial_id] = config
        return {"trial": flatten(config), **self._common}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A trial has ended; `error`: its worker or node was lost too often."""
        if config := self._running.pop(trial_id, None):
            self._proposals.ended(config, lost=error)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher for a restore that is never made."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: see the class."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see the class."""
