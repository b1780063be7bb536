"""A results folder: Parquet tables of trials and their fits. Uses settings and pyarrow; no torch, no Ray.

schemas.py      the tables' columns, with unit and meaning
tables.py       a trial's rows written and read; which trials are done
reading.py      the one reader: rows, and a sentence on every file that was left out
grids.py        which rows a trial must have
partfiles.py    which files hold a table's rows
compaction.py   many parts merged into few files
resultfiles.py  files of a results folder, local or of an object store, written atomically
paths.py        text that people give, as a path or a URI
"""

from trainables.records.tables import (
    Read,
    read,
    read_trial,
    scan,
    to_parquet,
    trial_state,
    trial_states,
    trials,
    write_trial,
)

__all__ = [
    "Read",
    "read",
    "read_trial",
    "scan",
    "to_parquet",
    "trial_state",
    "trial_states",
    "trials",
    "write_trial",
]
