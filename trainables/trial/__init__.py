"""One trial: the schedule over a subject, its records and checkpoints. Uses every other room; Ray in one file.

schedule.py       the whole experiment, top to bottom
network_run.py    a network's training and its truths, shared by the trials of a results folder
rows.py           rows of the tables
recorded.py       the schedule with its checkpoints, ending in rows
snapshots.py      files of tensors
provenance.py     versions, device, seconds and memory of a trial
ray_trainable.py  the trial as a Ray trainable
"""
