"""Measurements, each run by `python -m tests.benchmarks.NAME`."""

import trainables  # noqa: F401  # before torch is imported: it sets how long OpenMP's threads wait
