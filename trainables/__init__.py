"""What one trial does, in rooms; each imports only from rooms below it (`make lint` checks).

trial/         the schedule over a subject, its checkpoints and rows; the Ray trainable
estimators/    statistics networks, the training loop; people's own arrays; problems with known answers
records/       a results folder: Parquet tables, read and written
truth.py       the exact mutual information
settings/      the configuration: fields, paths, keys
subjects/      what is studied: networks and data sets, each a description
bounds.py      what is estimated: bounds on mutual information, each a description
verdict.py     the outcome of a fit; objectives.py: what a search minimises
draws.py, devices.py, numerics.py     random streams, devices, precision
errors.py, places.py, sentences.py    the error of bad input, people's paths, words
"""

import os

# Read by OpenMP when torch is imported, so it is set before any module here can do that: threads that wait for
# their next share of a product leave the processor after some microseconds instead of a millisecond, to the
# threads that draw the noise and to other trials. Measured in docs/performance.md.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
