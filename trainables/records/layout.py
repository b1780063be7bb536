"""The names of what a results folder holds.

trials/KEY.parquet, ...   a trial's part of each of the four tables
merged/TABLE/*.parquet    the parts of many trials in one file (packing.py)
plans/*.json              the trials that sweeps mean to run (plans.py)
checkpoints/, lenet_runs/, truths/    what trials resume from and share
activations/              of networks that were trained elsewhere (trial/activations.py)
tune/                     TensorBoard's event files
probes/                   by what a sweep's nodes see that they share the folder (in_use.py)
"""

from trainables.settings import stored

MERGED = "merged"
PLANS = "plans"
CHECKPOINTS = "checkpoints"
NETWORK_RUNS = "lenet_runs"
TRUTHS = "truths"
ACTIVATIONS = "activations"
TUNE = "tune"
PROBES = "probes"


def folder(table: str) -> str:
    """The folder of a table's parts, which keeps the name that it had in version 1: that of `network` is `lenet`."""
    return stored(table)


def key_of(path: str) -> str:
    """The trial that a part is named by."""
    return path.rpartition("/")[2].removesuffix(".parquet")


def remedy(path: str) -> str:
    """What to delete so that the trials of a file that cannot be used run again.

    The rows in `trials` say that they are done, so these go too.
    """
    *_, place, table, name = path.split("/")
    if place == MERGED:
        return "put it back from a copy, or delete the folder merged and run its sweep or trial again"
    gone = "it" if table == "trials" else f"it and trials/{name}"
    return f"delete {gone} and run its sweep or trial again"
