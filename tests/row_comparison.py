"""Whether two results folders hold the same rows: bit for bit, apart from provenance and seconds."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from trainables import records

KEYS = {
    "trials": ["key"],
    "network": ["key", "epoch"],
    "estimates": ["key", "run", "pair", "replicate"],
    "curves": ["key", "run", "pair", "replicate", "mine_epoch"],
}
PROVENANCE = ("started_at", "git_commit", "versions", "device", "threads")


class Read(NamedTuple):
    """All tables of a folder without provenance, each sorted by its grain, and what was left out of them."""

    tables: dict[str, pd.DataFrame]
    problems: list[str]


def read(results: str) -> Read:
    """All tables of a folder, held to one reading of `trials`."""
    trials = records.trials(results)
    found = {name: records.read(results, name, of=trials) for name in KEYS}
    problems = trials.problems + [problem for one in found.values() for problem in one.problems]
    return Read({name: _plain_rows(one.rows.to_pandas(), name) for name, one in found.items()}, problems)


def _plain_rows(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    dropped = [c for c in frame if c in PROVENANCE or c.startswith(("seconds_", "peak_"))]
    return frame.drop(columns=dropped).sort_values(KEYS[name], ignore_index=True)


def differences(results: str, expected: str | Read, so_far: bool = False) -> list[str]:
    """One line per difference, and per file that a reader leaves out; none: the rows are equal.

    Args:
        expected: another folder, or what `read` returns for it.
        so_far: of the trials that there are in `results`; all others may be missing.
    """
    ours_read, theirs_read = read(results), read(expected) if isinstance(expected, str) else expected
    found = ours_read.problems + theirs_read.problems
    for name, grain in KEYS.items():
        ours, theirs = ours_read.tables[name], theirs_read.tables[name]
        if so_far:
            theirs = theirs[theirs["key"].isin(ours_read.tables["trials"]["key"])].reset_index(drop=True)
        if twice := int(ours.duplicated(grain).sum()):
            found.append(f"{name}: {twice} rows twice")
        mine, other = ({*map(tuple, frame[grain].to_numpy())} for frame in (ours, theirs))
        if mine != other:
            found.append(f"{name}: {len(other - mine)} rows missing, {len(mine - other)} too many")
        elif len(ours) == len(theirs):
            found += [
                f"{name}.{column}: {n} values differ" for column in ours if (n := _differing(ours, theirs, column))
            ]
    return found


def _differing(ours: pd.DataFrame, theirs: pd.DataFrame, column: str) -> int:
    mine, other = ours[column].to_numpy(), theirs[column].to_numpy()
    if mine.dtype != other.dtype:
        return len(mine)
    if mine.dtype.kind == "f":  # as bits: NaN equals NaN, and -0 is not 0
        mine, other = (values.view(f"u{values.itemsize}") for values in (mine, other))
        return int((mine != other).sum())
    return sum(a != b for a, b in zip(map(_plain, mine), map(_plain, other), strict=True))


def _plain(value: object) -> object:
    """A list for an array of pairs, None for what is missing."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if pd.isna(value) else value
