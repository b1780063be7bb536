"""What one trial does: data, LeNet-5, MINE, truth, the schedule and its records."""

import os

# Read by OpenMP when torch is imported, so it is set before any module here can do that: threads that wait for
# their next share of a product leave the processor after some microseconds instead of a millisecond, to the
# threads that draw the noise and to other trials. Measured in docs/performance.md.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
