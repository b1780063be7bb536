"""The report: one HTML page that needs nothing else, and its figures and tables as files."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from analysis import (
    configurations,
    curve_samples,
    drawings,
    findings,
    frames,
    judging,
    layout,
    rendering,
    sparklines,
    stability,
    tables,
)
from trainables import places
from trainables.records import schemas
from trainables.records.files import write_local
from trainables.sentences import counted
from trainables.settings import InputError, fields
from trainables.verdict import OUTCOMES

MOST_ROWS = 5_000
"""Rows of a table on the page; a longer one is whole in its CSV file, and the page says so."""


@dataclass(frozen=True)
class Section:
    """A table of the page: its cells as text, with a value to sort by and a link where there is one."""

    name: str
    title: str
    notes: list[str]
    headings: list[str]
    rows: list[list[tuple[str, str, str]]]


def write(results: str, out: str) -> Path:
    """Write `report.html`, `figures/` (SVG and PNG) and `tables/` (CSV) into a folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write("docs/example/results", folder).name
    'report.html'

    Args:
        results: folder or URI that a trial or a sweep wrote. Files in it that cannot be read are named on the
            page, and the rest is reported.
        out: folder, made if it is not there.

    Raises:
        InputError: if there are no results, or the folder cannot be written.
    """
    study = frames.Results(results)
    trials = study.trials
    folder = _prepared(out)
    source = tables.Source(study)
    judged = judging.judge(source.fits)
    sampled, source.converged = curve_samples.collect(study, trials, judged)
    made = {name: table.rows(source) for name, table in tables.TABLES.items() if table.reported}
    sections = [_section(source, name, rows) for name, rows in made.items()]
    said = findings.sentences(
        trials, judged, *(made[name] for name in ("stability", "convergence", "differences", "order"))
    )
    try:
        for name, rows in made.items():
            write_local(folder / "tables" / f"{name}.csv", rows.to_csv(index=False))
        pictures = [
            {"name": one.name, "caption": one.caption, "source": _embedded(drawings.save(one, folder / "figures"))}
            for one in drawings.draw(trials, judged, sampled, study)
        ]
        page = _template().render(
            results=results,
            findings=said,
            problems=study.unfinished
            + tables.unread(study.skipped)
            + judging.untold(source.fits)
            + stability.failures(trials)
            + stability.repeated(trials),
            sections=sections,
            pictures=pictures,
            not_drawn=drawings.missing(str(one["name"]) for one in pictures),
            curves=sparklines.draw(trials, judged, sampled),
            curves_drawn=sampled["fit"].nunique(),
            fits=len(judged),
            colours=layout.COLOURS,
            outcomes=list(OUTCOMES),
            common=_common(trials),
            trials=_trial_rows(trials, judged),
            varied=configurations.varied_columns(trials),
            provenance=_provenance(trials),
        )
        write_local(folder / "report.html", page)
        _forget(folder / "figures", {str(one["name"]) for one in pictures})
    except OSError as error:
        raise InputError(f"out is {out!r}; it must be a folder that can be written ({places.said(error)}).") from error
    return folder / "report.html"


def _prepared(out: str) -> Path:
    """The folder for the report; files that are there stay."""
    folder = places.local(out, "out")
    try:
        for part in (folder / "figures", folder / "tables"):
            part.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"out is {out!r}; it must be a folder that can be written ({places.said(error)}).") from error
    return folder


def _forget(folder: Path, drawn: set[str]) -> None:
    """Remove the figures of an earlier report that this one does not have; files of other names stay."""
    for old in folder.iterdir():
        if drawings.NAMES.fullmatch(old.name) and old.stem not in drawn:
            old.unlink()


def _section(source: tables.Source, name: str, rows: pd.DataFrame) -> Section:
    table, shown = tables.TABLES[name], rows.head(MOST_ROWS)
    notes = table.notes(source, rows)
    if name == "pairs":
        notes = [*notes, "Each row links to its curves."]
    if len(rows) > MOST_ROWS:
        notes = [*notes, f"{MOST_ROWS} of {len(rows)} rows are shown; all are in tables/{name}.csv."]
    folded = rendering.fold(shown)
    links = _links(source.trials, shown) if name in ("stability", "pairs") else {}
    values = {rendering.heading(str(column)): shown[column] for column in shown}
    cells = []
    for column in map(str, folded):
        raw = values.get(column, folded[column])
        cells.append(
            [
                (text, _sort_value(value), links.get((column, place), ""))
                for place, (text, value) in enumerate(zip(folded[column], raw, strict=True))
            ]
        )
    by_row = [list(row) for row in zip(*cells, strict=True)]
    return Section(name, table.title, notes, list(map(str, folded)), by_row)


def _sort_value(value: Any) -> str:
    """A number to sort by; empty where the text itself is to be sorted, or nothing is there."""
    return "" if isinstance(value, str) or pd.isna(value) else repr(float(value))


def _links(trials: pd.DataFrame, rows: pd.DataFrame) -> dict[tuple[str, int], str]:
    """Verdicts to their curves: by heading and place of the row."""
    shown = configurations.shown_columns(trials)
    known = {tuple(map(str, row[:-1])): row[-1] for row in trials[[*shown, "configuration"]].itertuples(index=False)}
    found = {}
    for place, (_, row) in enumerate(rows.iterrows()):
        configuration = known[tuple(str(row[path]) for path in shown)]
        pair = row.get("pair", None)
        target = f"#c-{configuration}" + (f"-{pair.replace(';', '-')}" if pair else "")
        for name in OUTCOMES:
            found[rendering.heading(name), place] = target
    return found


def _embedded(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def _common(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """The settings that all trials share."""
    varied = configurations.varied_columns(trials)
    paths = [path for path in fields() if path not in ("seed", "data.root", *varied)]
    texts = {path: set(trials[path].map(configurations.setting)) for path in paths}
    return [(path, found.pop()) for path, found in texts.items() if len(found) == 1]


def _trial_rows(trials: pd.DataFrame, judged: pd.DataFrame) -> list[dict[str, Any]]:
    """Configuration, provenance and failure of every trial."""
    counts = judged.groupby(judged["key"].astype(str))["outcome"].value_counts().unstack(fill_value=0)
    varied, rows = configurations.varied_columns(trials), []
    seconds = trials.filter(like="seconds_").sum(axis=1)
    for key, (_, trial) in zip(map(str, trials.index), trials.iterrows(), strict=True):
        of_trial = counts.loc[key] if key in counts.index else None
        rows.append(
            {
                "key": key,
                "configuration": trial["configuration"],
                "state": trial["state"],
                "seed": trial["seed"],
                "settings": [configurations.setting(trial[path]) for path in varied],
                "verdicts": [] if of_trial is None else [of_trial.get(name, 0) for name in OUTCOMES],
                "started": f"{trial['started_at']:%Y-%m-%d %H:%M}",
                "seconds": f"{seconds[key]:.0f}",
                "memory": f"{trial['peak_memory_bytes'] / 1e6:.0f}",
                "device": trial["device"],
                "threads": trial["threads"],
                "commit": (trial["git_commit"] or "")[:10] + ("+changes" if "+" in (trial["git_commit"] or "") else ""),
                "error": trial["error"].strip() if isinstance(trial["error"], str) else "",
                "reason": schemas.reason(trial["error"] if isinstance(trial["error"], str) else None)
                or "no reason is recorded",
            }
        )
    return rows


def _provenance(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """Commits and versions that made the results, with the number of their trials."""
    commits = trials["git_commit"].fillna("no checkout").value_counts()
    versions = trials["versions"].value_counts()
    found = [("commit", f"{commit} ({counted(count, 'trial')})") for commit, count in commits.items()]
    for text, count in versions.items():
        parts = ", ".join(f"{name} {version}" for name, version in schemas.versions(str(text)).items())
        found.append(("versions", f"{parts or 'none recorded'} ({counted(count, 'trial')})"))
    return found


def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")
