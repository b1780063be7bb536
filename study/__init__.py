"""Many trials: what a study is, and running it. Uses every room of trainables; the command line alone uses analysis.

studies.py, space.py       the named studies; configurations, grids, overrides
search.py, proposals.py    searches: what is asked, and the points that Optuna proposes
searcher.py                the search as Tune sees it
sweep.py, cluster.py       trials under Ray Tune; the Ray that they run on
plan.py, status.py         which trials a folder's sweeps mean to run, and how they stand
progress.py                what a running sweep prints
cost.py, resources.py      time, disk and memory, foretold; what one trial gets
cli.py                     the command line
amounts.py, interrupts.py  numbers as people write them; Ctrl-C
"""
