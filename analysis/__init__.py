"""From Parquet to tables, figures and the report; `load` is where a notebook starts."""

from analysis.results import Results, load

__all__ = ["Results", "load"]
