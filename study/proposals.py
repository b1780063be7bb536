"""Which configuration a search runs next: Optuna asked and told, in agreement with the rows.

The rows in Parquet are the truth, the plan beside them remembers which points were chosen, and Optuna's journal is
what its sampler and `optuna-dashboard` read. After any kill the three are brought to agree: a point whose rows are
complete is told, one that was cut off is gone on with under its own number, and one that the journal has lost is
entered again. Tune's own snapshots of a searcher are not used.
"""

import os
import warnings
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path

import filelock
import numpy as np
import optuna
import pyarrow.fs
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from study import search as searching
from study.search import OBJECTIVES, Point, Search, Valued
from trainables import records
from trainables.records import files
from trainables.records.layout import SEARCH
from trainables.records.plans import Plan
from trainables.records.plans import read as read_plans
from trainables.records.plans import write as write_plan
from trainables.settings import InputError, TrialConfig, configuration_key, key

_MOST_REPEATS = 10
"""So often in a row a point may be proposed that was evaluated before; then one is drawn that was not."""


@dataclass
class _Open:
    """A point under way: the numbers of Optuna's trials that wait for it, and the trials still to end."""

    point: Point
    numbers: list[int]
    left: set[str] = field(default_factory=set)
    failed: bool = False


class Proposals:
    """The trials of a search, one after another.

    Raises:
        InputError: if another process runs this search, or its journal cannot be read or written, or speaks of rows
            that are not there.
    """

    def __init__(self, search: Search, results: str) -> None:
        self.search, self.results = search, results
        self.journal = journal_path(search, results)
        self._lock = filelock.FileLock(f"{self.journal}.driver")
        try:
            self.journal.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(blocking=False)
        except filelock.Timeout as error:
            raise InputError(f"search {search.name} is already run by another process; wait for it.") from error
        except OSError as error:
            raise InputError(
                f"{self.journal.parent} cannot be written ({error}); it must be a folder for the search's journal."
            ) from error
        self.valued: dict[str, Valued] = {}
        """Evaluated points, by the key of their configuration."""
        self.failed: dict[str, Point] = {}
        """Points of which a trial failed."""
        self.read = 0
        """Trials of the budget whose rows were there and were not run again."""
        self._states, self.problems = records.trial_states(results)
        self._points: dict[str, Point] = {}
        self._open: dict[str, _Open] = {}
        self._waiting: deque[TrialConfig] = deque()
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            path: optuna.distributions.CategoricalDistribution(values) for path, values in search.axes.items()
        }
        self._study = self._open_study()
        self._agree()

    def close(self) -> None:
        """Let another process run this search."""
        self._lock.release()

    @property
    def points(self) -> list[Point]:
        """The points chosen so far, in order: evaluated, failed or under way."""
        return list(self._points.values())

    @property
    def total(self) -> int:
        """Trials of the whole budget."""
        return self.search.configurations * len(self.search.seeds)

    @property
    def done(self) -> bool:
        """Whether the budget is spent, or the space, and nothing is under way."""
        return not self._open and not self._waiting and not self._wanted

    @property
    def _wanted(self) -> bool:
        return len(self._points) < self.search.configurations

    def next_trial(self) -> TrialConfig | None:
        """The next trial to run; None: there is no more. Trials whose rows are there are not run again."""
        while not self._waiting and self._wanted:
            if not self._propose():
                self._spent()
        return self._waiting.popleft() if self._waiting else None

    def put_back(self, config: TrialConfig) -> None:
        """A trial that `next_trial` gave and that has not started."""
        self._waiting.appendleft(config)

    def ended(self, config: TrialConfig, lost: bool = False) -> None:
        """A trial has ended: with rows, with a row that says why not, or lost. One without a row was cut off."""
        state = "failed" if lost else records.trial_state(self.results, key(config))
        under_way = self._open.get(configuration_key(config))
        if state is None or under_way is None:
            return
        under_way.left.discard(key(config))
        under_way.failed |= state == "failed"
        self._close_if_ended(configuration_key(config))

    def _spent(self) -> None:
        """No point is left that was not chosen: the space is smaller than the budget."""
        self.search = replace(self.search, configurations=len(self._points))

    def _propose(self) -> bool:
        """Choose one more point and queue its trials; False if the space has no more."""
        for attempt in range(_MOST_REPEATS + 1):
            if attempt == _MOST_REPEATS:
                unseen = self._unseen()
                if unseen is None:
                    return False
                self._study.enqueue_trial(dict(unseen))
            trial = self._study.ask(self._distributions)
            name = self._name(trial.params)
            if name in self.valued:
                self._study.tell(trial.number, self.valued[name].values)
            elif name in self.failed:
                self._study.tell(trial.number, state=TrialState.FAIL)
            elif name in self._open:
                self._open[name].numbers.append(trial.number)
            else:
                self._begin(name, trial.params, trial.number)
                self._write_plan()
                return True
        raise AssertionError("a point that was not chosen before was enqueued, and another one came")

    def _unseen(self) -> Point | None:
        """A point whose configuration was not chosen before, by chance; None: there is none."""
        chance = np.random.default_rng([self.search.seed, len(self._study.trials)])
        points = self.search.points(int(chance.integers(self.search.size)))
        return next((point for point in points if self._name(point) not in self._points), None)

    def _name(self, point: Point) -> str:
        return configuration_key(self.search.trials(point)[0])

    def _begin(self, name: str, point: Point, number: int) -> None:
        """Queue the trials of a point that have no rows yet; tell its value if all have."""
        missing = [config for config in self.search.trials(point) if self._states.get(key(config)) != "completed"]
        self.read += len(self.search.seeds) - len(missing)
        self._points[name] = point
        self._open[name] = _Open(point, [number], {key(config) for config in missing})
        self._waiting.extend(missing)
        self._close_if_ended(name)

    def _close_if_ended(self, name: str) -> None:
        if self._open[name].left:
            return
        ended = self._open.pop(name)
        if ended.failed:
            self.failed[name] = ended.point
            for number in ended.numbers:
                self._study.tell(number, state=TrialState.FAIL)
            return
        self.valued[name] = searching.value(self.search, ended.point, self.results)
        for number in ended.numbers:
            self._study.tell(number, self.valued[name].values)

    def _write_plan(self) -> None:
        trials = tuple(config for point in self._points.values() for config in self.search.trials(point))
        write_plan(self.results, Plan(self.search.study, trials, self.search.name, self.total))

    def _open_study(self) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        directions = [OBJECTIVES[name].direction for name in self.search.objectives]
        try:
            _mend(self.journal)
            storage = JournalStorage(JournalFileBackend(str(self.journal), JournalFileOpenLock(str(self.journal))))
            study = optuna.create_study(
                study_name=self.search.name, storage=storage, load_if_exists=True, directions=directions
            )
        except Exception as error:  # Optuna raises half a dozen kinds on a damaged journal
            raise InputError(
                f"{self.journal} cannot be read ({type(error).__name__}: {error}); delete it, it is made again from "
                "the plan and the rows."
            ) from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(self.search.objectives))  # what the dashboard shows
        # The same seed at every start would propose the same points again.
        seed = (self.search.seed * 1_000_003 + len(study.get_trials(deepcopy=False))) % 2**32
        study.sampler = (
            optuna.samplers.TPESampler(seed=seed, multivariate=True)
            if self.search.method == "optuna"
            else optuna.samplers.RandomSampler(seed=seed)
        )
        return study

    def _agree(self) -> None:
        """Bring Optuna's study to what the rows and the plan say."""
        known: set[str] = set()
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.RUNNING)):
            if set(trial.params) != set(self.search.axes):  # cut off while it was asked
                self._study.tell(trial.number, state=TrialState.FAIL)
                continue
            name = self._name(trial.params)
            known.add(name)
            if trial.state == TrialState.COMPLETE:
                self._check(trial, name)
            elif name in self.valued:
                self._study.tell(trial.number, self.valued[name].values)
            elif name in self._open:
                self._open[name].numbers.append(trial.number)
            else:
                self._begin(name, trial.params, trial.number)
        for one in read_plans(self.results):
            for config in one.trials if one.search == self.search.name else ():
                point, name = self.search.point(config), configuration_key(config)
                if name not in known and name not in self._points:
                    self._study.enqueue_trial(dict(point))
                    self._begin(name, point, self._study.ask(self._distributions).number)
        self._write_plan()

    def _check(self, trial: FrozenTrial, name: str) -> None:
        """Hold a told value to the rows."""
        if name not in self.valued:
            configs = self.search.trials(trial.params)
            there = all(self._states.get(key(config)) == "completed" for config in configs)
            told = searching.value(self.search, trial.params, self.results) if there else None
            if told is None or not np.allclose(told.values, trial.values, atol=1e-9):
                raise InputError(
                    f"{self.journal} has a value for {searching.label(trial.params)} that the rows in "
                    f"{self.results!r} do not have; delete the journal, which is made again from the rows."
                )
            self.valued[name] = told
            self.read += len(configs)
            self._points[name] = trial.params


def journal_path(search: Search, results: str) -> Path:
    """Where the journal lies: with the results, or, where these are in an object store, in a local folder.

    Optuna appends to its journal, which an object store cannot; lost, it is made again from plan and rows.
    """
    store, root = files.filesystem(results)
    folder = Path(root) if isinstance(store, pyarrow.fs.LocalFileSystem) else Path("results").absolute()
    return folder / SEARCH / f"{search.name}.journal"


def _mend(journal: Path) -> None:
    """Cut off the last line of a journal if a kill has cut it short, or nothing could be appended any more."""
    if not journal.exists():
        return
    content = journal.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(journal, whole)
