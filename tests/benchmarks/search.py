"""Optuna against random search at equal budget: the distance to the truth that each finds, over several search seeds.

    python -m tests.benchmarks.search --results /tmp/search --json search.json

Short trials on digits (the two last layers), in this process, over the paper's settings, marginals and MINE's learning
rate. Every winner is also evaluated on seeds that no search saw: the least of many noisy values is too low. Run again,
it goes on.
"""

import argparse
import dataclasses
import json
import time

import numpy as np
import torch

from study import search as searching
from study import studies
from study.search import Search, SearchOptions
from study.searcher import Searcher
from trainables import records
from trainables.settings import TrialConfig, in_words, key
from trainables.trial import recorded as trial

OVERRIDES = {
    "network.epochs": (5,),
    "mine.samples": (1_000,),
    "mine.epochs": (12,),
    "mine.replicates": (1,),
    "mine.pairs": (("X;relu3", "Y;relu3", "X;sm1", "Y;sm1"),),
    "mine.marginals": ("permutation", "derangement", "independent"),
    "mine.learning_rate": (3e-4, 1e-3, 3e-3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", default="results/benchmark-search")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--searches", type=int, default=3, help="search seeds of each method")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="every configuration runs with all of them")
    parser.add_argument("--unseen", type=int, nargs="+", default=[10, 11, 12], help="seeds to check winners on")
    parser.add_argument("--json", help="file for the figures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    start, found = time.perf_counter(), []
    print(f"{options.trials} trials a search, every configuration with seeds {options.seeds}; distance to the truth")
    print(f"{'search':8s} {'seed':>4s} {'found':>6s} {'unseen seeds':>12s}  best configuration")
    for seed in range(options.searches):
        for method in ("optuna", "random"):
            found.append(run(method, seed, options))
            one = found[-1]
            print(f"{method:8s} {seed:4d} {one['found']:6.3f} {one['unseen']:12.3f}  {one['best']}", flush=True)
    for name in ("found", "unseen"):
        optuna, random = (np.array([o[name] for o in found if o["method"] == m]) for m in ("optuna", "random"))
        print(
            f"{name}: optuna {optuna.mean():.3f}, random {random.mean():.3f}; "
            f"optuna lower in {(optuna < random).sum()} of {options.searches}"
        )
    exploded, runs = everywhere(options.results)
    print(f"MINE runs in which every fit exploded: {exploded} of {runs}")
    print(f"{time.perf_counter() - start:.0f} s, rows read again where they were there")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file, indent=1)


def run(method: str, seed: int, options: argparse.Namespace) -> dict:
    """One search, to the end of its budget; then its winner on unseen seeds."""
    asked = SearchOptions(search=method, trials=options.trials)
    search = dataclasses.replace(searching.make(studies.DEMO, asked, OVERRIDES, options.seeds), seed=seed)
    searcher = Searcher(search, options.results)
    while config := searcher.next_trial():
        evaluate(config, options.results)
        searcher.ended(config)
    (best,) = searching.best(search, list(searcher.valued.values()))
    path = [one.values[0] for one in searcher.valued.values()]
    return {
        "method": method,
        "seed": seed,
        "found": best.values[0],
        "unseen": on_unseen(search, best.point, options),
        "best": in_words(best.point),
        "path": path,
    }


def on_unseen(search: Search, point: searching.Point, options: argparse.Namespace) -> float:
    """A point's distance to the truth on seeds that no search saw."""
    fresh = dataclasses.replace(search, seeds=tuple(options.unseen))
    for config in fresh.trials(point):
        if records.trial_state(options.results, key(config)) != "completed":
            evaluate(config, options.results)
    return searching.value(fresh, point, options.results).values[0]


def evaluate(config: TrialConfig, results: str) -> None:
    for _ in trial.run(config, results, torch.device("cpu")):
        pass


def everywhere(results: str) -> tuple[int, int]:
    """MINE runs of which every fit of every pair exploded, and all MINE runs."""
    from trainables import verdict

    fits = records.read(results, "estimates").rows.to_pandas()
    exploded = verdict.outcome(fits) == "exploded"
    shares = fits.assign(exploded=exploded).groupby(["key", "run"])["exploded"].mean()
    return int((shares == 1).sum()), len(shares)


if __name__ == "__main__":
    main()
