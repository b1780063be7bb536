"""A results folder: Parquet tables of trials and their fits. Uses settings and pyarrow; no torch, no Ray.

layout.py       the names of what it holds
schemas.py      the tables' columns, with unit and meaning
writing.py      a trial's rows written
reading.py      the one reader: rows, and a sentence on every file that was left out; which trials are done
tablefiles.py   the files of a table, each read under the present names of columns
expected.py     which rows a trial must have
packing.py      many parts merged into few files
in_use.py       whether a sweep or packing writes to the folder now
plans.py        the trials that sweeps mean to run
files.py        files, local or of an object store, written atomically
"""

from trainables.records.reading import Read, read, read_trial, scan, trial_state, trial_states, trials
from trainables.records.writing import to_parquet, write_trial

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
