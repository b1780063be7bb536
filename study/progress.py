"""What a person watches while a sweep runs: a line whenever a trial starts, moves on or ends."""

import time
from collections.abc import Collection

from ray import tune
from ray.tune.experiment import Trial

from study.space import differences
from trainables.config import TrialConfig, key, unflatten


class ProgressLines(tune.Callback):
    """Prints one plain line an event: elapsed time, trials by state, exploded fits, the trial's position."""

    def __init__(self, planned: list[TrialConfig], completed: Collection[str] = ()) -> None:
        """`completed` are the keys of planned trials that were done before."""
        self.labels = {key(config): label for config, label in zip(planned, differences(planned), strict=True)}
        self.start = time.monotonic()
        self.states = {name: "completed" if name in completed else "waiting" for name in self.labels}
        self.exploded: dict[str, int] = {}
        self.lost: list[tuple[TrialConfig, str]] = []
        """Trials that Tune gave up, with the error; they may have no row."""

    @property
    def unfinished(self) -> int:
        """Trials that have not ended."""
        return sum(state in ("waiting", "running") for state in self.states.values())

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        self._move(trial, "running")

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict, **info: object) -> None:
        name, state = self._key(trial), result.get("state", "running")
        if "exploded_fits" in result:
            self.exploded[name] = result["exploded_fits"]
        if state == "completed":
            self._move(trial, "completed")
        elif state == "failed":
            self._move(trial, "failed", f": {result['error']}")
        elif "run" in result:
            bounds = [
                f"{name[6:]} {round(value, 2) + 0:.2f}" for name, value in result.items() if name.startswith("bound/")
            ]
            position = f"LeNet-5 epoch {result['epoch']}, MINE run {result['run']} of {result['runs']}"
            exploded = f"{result['exploded_fits']} of {result['fits']} fits exploded"
            self._say(f"{self.labels[name]}: {position}; {exploded}; nats: {', '.join(bounds)}")

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        self.lost.append((unflatten(trial.config["trial"]), str(trial.get_error())))
        self._move(trial, "failed", ": lost too often (its worker or node died)")

    @staticmethod
    def _key(trial: Trial) -> str:
        return key(unflatten(trial.config["trial"]))

    def _move(self, trial: Trial, state: str, detail: str = "") -> None:
        name = self._key(trial)
        if self.states[name] != state:
            self.states[name] = state
            self._say(f"{self.labels[name]}: {state}{detail}")

    def _say(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.start), 60)
        states = list(self.states.values())
        counts = f"{states.count('completed')}/{len(states)} done, {states.count('running')} running"
        if failed := states.count("failed"):
            counts += f", {failed} failed"
        exploded = sum(count > 0 for count in self.exploded.values())
        print(f"[{minutes:3d}:{seconds:02d}] {counts}, {exploded} with explosions | {text}", flush=True)
