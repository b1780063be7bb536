"""From Parquet to tables, figures and the report; `load` is where a notebook starts."""

from analysis.notebook import StudyResults, load
from analysis.results import Results

__all__ = ["Results", "StudyResults", "load"]
