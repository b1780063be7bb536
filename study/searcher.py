"""Which configuration a search runs next: Optuna is asked, and its trials are handed to Tune.

Only the rows, and the plan that remembers which points were chosen, outlive the process. At every start Optuna's study
is built in memory from them: a point whose rows are complete has its value, any other runs what it lacks. So nothing
has to be brought to agree with the rows. Ray's own OptunaSearch would value single trials, and a metric that is not
finite would stop it.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from ray.tune import search as tune_search

from study import search as searching
from study.search import Point, Search, Valued
from trainables import records
from trainables.records import plans
from trainables.settings import TrialConfig, configuration_key, key

_MOST_REPEATS = 10
"""So often a point may be proposed again; then one that was not chosen before is drawn by chance."""


class Searcher(tune_search.Searcher):
    """The trials of a search, one after another.

    Attributes:
        search: what is searched; its budget shrinks where the space is smaller.
        parameters: of the trainable, besides the trial.
        valued: evaluated points, by the key of their configuration.
        failed: keys of the points of which a trial failed; the next start tries them again.
        read: trials of the budget that had rows before.
        problems: a sentence on every file in `trials` that was left out.
    """

    def __init__(self, search: Search, results: str) -> None:
        super().__init__()
        self.search, self.results = search, results
        self.parameters: Mapping[str, Any] = {}
        self.valued: dict[str, Valued] = {}
        self.failed: set[str] = set()
        self.read = 0
        states, self.problems = records.trial_states(results)
        self._states = dict(states)
        self._points: dict[str, Point] = {}
        self._waiting: deque[TrialConfig] = deque()
        self._running: dict[str, TrialConfig] = {}
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            path: optuna.distributions.CategoricalDistribution(values) for path, values in search.axes.items()
        }
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        directions: list[Any] = ["minimize" if sign == 1 else "maximize" for sign in search.signs]
        self._study = optuna.create_study(directions=directions)
        for plan in plans.read(results):
            for config in plan.trials if plan.search == search.name else ():
                if configuration_key(config) not in self._points:
                    self._begin(search.point(config))
        # The same seed at every start would propose the same points again.
        seed = (search.seed * 1_000_003 + len(self._study.trials)) % 2**32
        self._study.sampler = (
            optuna.samplers.TPESampler(seed=seed, multivariate=True)
            if search.method == "optuna"
            else optuna.samplers.RandomSampler(seed=seed)
        )

    @property
    def done(self) -> bool:
        """Whether the budget is spent, or the space, and no point is under way."""
        return len(self.valued) + len(self.failed) == len(self._points) >= self.search.configurations

    def waits(self) -> bool:
        """Whether a trial waits to be run; chooses points until one does, since some have all their rows."""
        while not self._waiting and len(self._points) < self.search.configurations:
            point = self._choose()
            if point is None:
                self.search = replace(self.search, configurations=len(self._points))
                break
            self._begin(point)
            trials = tuple(config for point in self._points.values() for config in self.search.trials(point))
            plans.write(self.results, plans.Plan(self.search.study, trials, self.search.name, self.search.total))
        return bool(self._waiting)

    def next_trial(self) -> TrialConfig | None:
        """The next trial to run; None: there is no more."""
        return self._waiting.popleft() if self.waits() else None

    def ended(self, config: TrialConfig, lost: bool = False) -> None:
        """Note that a trial has ended. One that has no row and was not lost was cut off."""
        state = "failed" if lost else records.trial_state(self.results, key(config))
        if state is not None:
            self._states[key(config)] = state
            self._tell(configuration_key(config))

    def _choose(self) -> Point | None:
        """A point that was not chosen before; None: there is none."""
        for _ in range(_MOST_REPEATS):
            point = self._study.ask(self._distributions).params
            if self._name(point) not in self._points:
                return point
        chance = np.random.default_rng([self.search.seed, len(self._study.trials)])
        points = self.search.points(int(chance.integers(self.search.size)))
        return next((point for point in points if self._name(point) not in self._points), None)

    def _name(self, point: Point) -> str:
        return configuration_key(self.search.trials(point)[0])

    def _begin(self, point: Point) -> None:
        """Queue the trials of a point that have no rows yet."""
        name, trials = self._name(point), self.search.trials(point)
        missing = [config for config in trials if self._states.get(key(config)) != "completed"]
        for config in missing:
            self._states.pop(key(config), None)  # one that failed before is tried again
        self._points[name] = point
        self._waiting.extend(missing)
        self.read += len(trials) - len(missing)
        self._tell(name)

    def _tell(self, name: str) -> None:
        """Tell Optuna the value of a point, if all its trials have ended."""
        point = self._points[name]
        states = {self._states.get(key(config)) for config in self.search.trials(point)}
        if states == {"completed"}:
            self.valued[name] = searching.value(self.search, point, self.results)
            values = list(self.valued[name].values)
            told = optuna.create_trial(params=dict(point), distributions=self._distributions, values=values)
            self._study.add_trial(told)
        elif None not in states:
            self.failed.add(name)

    # What Tune calls.

    def suggest(self, trial_id: str) -> Any:
        """The next trial's parameters, or `FINISHED`."""
        config = self.next_trial()
        if config is None:
            return self.FINISHED
        self._running[trial_id] = config
        return {"trial": config, **self.parameters}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A trial has ended; `error`: its worker or node was lost too often."""
        if config := self._running.pop(trial_id, None):
            self.ended(config, lost=error)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher for a restore that is never made."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: see the module."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see the module."""
