"""What of a study is missing, doubled or could not be read, in sentences."""

import pandas as pd

from analysis.results import Results
from trainables.records import plans
from trainables.sentences import counted


def sentences(results: Results, judged: bool = True) -> list[str]:
    """All that a reader of a table or of the report must know of the folder.

    Args:
        judged: whether it is about fits that are judged.
    """
    return [
        *failures(results.trials),
        *(_untold(results) if judged else []),
        *_repeated(results.trials),
        *_unread(results),
    ]


def unfinished(results: Results) -> list[str]:
    """Trials that the folder's sweeps mean to run and that have not completed."""
    found, _ = plans.find(results.source)  # `status` names plans that cannot be read
    done = results.all_trials.index[results.all_trials["state"] == "completed"]
    missing, planned = plans.unfinished(found, set(done))
    left = f"{missing} of {counted(planned, 'trial')} that were planned here have not completed"
    return [f"{left} (`mine-study status`)."] if missing else []


def failures(trials: pd.DataFrame) -> list[str]:
    """Trials that failed."""
    failed = int((trials["state"] == "failed").sum())
    if not failed:
        return []
    if failed == len(trials):
        whole = "The only trial" if failed == 1 else f"All {failed} trials"
        return [f"{whole} failed, so there is nothing to tabulate; see the trials table for why."]
    return [f"{counted(failed, 'trial')} failed, not in the table; see the trials table for why."]


def _untold(results: Results) -> list[str]:
    """Fits whose outcome is not known."""
    lacking = int(results.judged["outcome"].isna().sum())
    if not lacking:
        return []
    return [
        f"{lacking} of {len(results.judged)} fits have no outcome: they were recorded before late_slope was, and the "
        "curves from which it would follow are not there."
    ]


def _repeated(trials: pd.DataFrame) -> list[str]:
    """Trials that are there twice, which one version of the program alone never does."""
    done = trials[trials["state"] == "completed"]
    twice = int(done.duplicated(["configuration", "seed"]).sum())
    if not twice:
        return []
    return [
        f"{counted(twice, 'trial')} {'has' if twice == 1 else 'have'} the configuration and the seed of another trial, "
        "from before a field was added or its meaning changed; the fits of both are counted."
    ]


def _unread(results: Results) -> list[str]:
    """Files that could not be read."""
    found = sorted(results.problems)
    more = [f"Not read: {counted(len(found) - 5, 'further file')}."] if len(found) > 5 else []
    return [*(f"Not read: {problem}" for problem in found[:5]), *more]
