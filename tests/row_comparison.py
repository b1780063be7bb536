"""Whether two results folders hold the same rows: bit for bit, apart from provenance and seconds."""

import numpy as np
import pandas as pd

from trainables import records

KEYS = {
    "trials": ["key"],
    "lenet": ["key", "epoch"],
    "estimates": ["key", "run", "pair", "replicate"],
    "curves": ["key", "run", "pair", "replicate", "mine_epoch"],
}
PROVENANCE = ("started_at", "git_commit", "versions", "device", "threads")


def rows(results: str, name: str) -> pd.DataFrame:
    """A table without provenance, sorted by its grain."""
    frame = records.read(results, name).rows.to_pandas()
    dropped = [c for c in frame if c in PROVENANCE or c.startswith(("seconds_", "peak_"))]
    return frame.drop(columns=dropped).sort_values(KEYS[name], ignore_index=True)


def differences(results: str, expected: str) -> list[str]:
    """One line a difference; none: the rows are equal."""
    found = []
    for name, grain in KEYS.items():
        ours, theirs = rows(results, name), rows(expected, name)
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
