"""The report: one HTML page that needs nothing else, and its figures and tables as files."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from analysis import (
    chart,
    configurations,
    figures,
    findings,
    fit_curves,
    layout,
    missing,
    overview,
    paper,
    pictures,
    rendering,
    sparklines,
    tables,
)
from analysis.results import Results
from trainables import places
from trainables.records import schemas
from trainables.records.files import write_local
from trainables.sentences import counted
from trainables.settings import InputError, fields, setting
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


def write(source: str, out: str) -> Path:
    """Write `report.html`, `figures/` (SVG and PNG) and `tables/` (CSV) into a folder.

    Args:
        source: folder or URI that a trial or a sweep wrote. Files in it that cannot be read are named on the
            page, and the rest is reported.
        out: folder, made if it is not there.

    Raises:
        InputError: if there are no results, or the folder cannot be written.
    """
    results = Results(source)
    folder = places.local(out, "out")
    try:
        for part in (folder / "figures", folder / "tables"):  # files that are there stay
            part.mkdir(parents=True, exist_ok=True)
        _write(results, folder)
    except OSError as error:
        raise InputError(f"out is {out!r}; it must be a folder that can be written ({places.said(error)}).") from error
    return folder / "report.html"


def _write(results: Results, folder: Path) -> None:
    trials, judged = results.trials, results.judged
    made = {name: table.frame(results) for name, table in tables.TABLES.items() if table.reported}
    for name, rows in made.items():
        write_local(folder / "tables" / f"{name}.csv", rows.to_csv(index=False))
    drawings = [
        {"name": one.name, "caption": one.caption, "source": _embedded(pictures.save(one, folder / "figures"))}
        for one in figures.draw(results)
    ]
    drawn, blocks = {str(one["name"]) for one in drawings}, sparklines.draw(results)
    page = _template().render(
        results=results.source,
        size=overview.size(results),
        answer=overview.answer(results),
        chart=chart.draw(results),
        findings=findings.sentences(results),
        problems=missing.unfinished(results) + missing.sentences(results),
        sections=[_section(results, name, rows) for name, rows in made.items()],
        pictures=drawings,
        not_drawn=figures.missing(drawn),
        curves=blocks,
        drawn={spark.anchor for block in blocks for spark in block.sparks},
        curves_drawn=len(results.once(fit_curves.collect).drawn),
        fits=len(judged),
        colours=layout.COLOURS,
        dashes=layout.DASHES,
        widths=layout.WIDTHS,
        outcomes=list(OUTCOMES),
        common=_common(trials),
        trials=_trial_rows(trials, judged),
        varied=configurations.varied_columns(trials),
        provenance=_provenance(trials),
    )
    write_local(folder / "report.html", page)
    for old in (folder / "figures").iterdir():  # of an earlier report; files of other names stay
        if figures.NAMES.fullmatch(old.name) and old.stem not in drawn:
            old.unlink()


def _section(results: Results, name: str, rows: pd.DataFrame) -> Section:
    table, rows = tables.TABLES[name], paper.without(rows)
    shown = rows.head(MOST_ROWS)
    columns = list(rendering.read(shown, table.columns))
    kept, same = rendering.condensed(columns) if len(shown) else (columns, [])
    notes = [f"In every row: {', '.join(same)} (tables/{name}.csv has all columns)."] if same else []
    notes += table.said(results, rows) + missing.failures(results.trials)
    if name == "pairs":
        notes.append("Each row links to its curves.")
    if len(rows) > MOST_ROWS:
        notes.append(f"{MOST_ROWS} of {len(rows)} rows are shown; all are in tables/{name}.csv.")
    targets = _targets(results.trials, shown) if name in ("stability", "pairs") else []
    headings, cells = [], []
    for heading, texts, values, column in kept:
        links = targets if column in OUTCOMES and targets else [""] * len(shown)
        headings.append(heading)
        cells.append([(text, _sort_value(value), link) for text, value, link in zip(texts, values, links, strict=True)])
    title = table.title + (f" ({table.of_paper})" if table.of_paper and paper.is_of(results.trials) else "")
    return Section(name, title, notes, headings, [list(row) for row in zip(*cells, strict=True)])


def _sort_value(value: Any) -> str:
    """A number to sort by; empty where the text itself is to be sorted, or nothing is there."""
    return "" if isinstance(value, str) or pd.isna(value) else repr(float(value))


def _targets(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """The curves of each row."""
    shown = configurations.shown_columns(trials)
    known = {tuple(map(str, row[:-1])): row[-1] for row in trials[[*shown, "configuration"]].itertuples(index=False)}
    found = [f"#c-{known[tuple(map(str, row))]}" for row in rows[shown].itertuples(index=False)]
    if "pair" not in rows:
        return found
    return [f"{one}-{pair.replace(';', '-')}" for one, pair in zip(found, rows["pair"], strict=True)]


def _embedded(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def _common(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """The settings that all trials share."""
    varied = configurations.varied_columns(trials)
    paths = [path for path in fields() if path not in ("seed", "data.root", *varied)]
    texts = {path: set(trials[path].map(setting)) for path in paths}
    return [(path, found.pop()) for path, found in texts.items() if len(found) == 1]


def _trial_rows(trials: pd.DataFrame, judged: pd.DataFrame) -> list[dict[str, Any]]:
    """Configuration, provenance and failure of every trial."""
    counts = judged.groupby(judged["key"].astype(str))["outcome"].value_counts().unstack(fill_value=0)
    varied, rows = configurations.varied_columns(trials), []
    seconds = trials.filter(like="seconds_").sum(axis=1)
    for key, (_, trial) in zip(map(str, trials.index), trials.iterrows(), strict=True):
        error, commit = trial["error"] if isinstance(trial["error"], str) else None, trial["git_commit"] or ""
        rows.append(
            {
                **{name: trial[name] for name in ("configuration", "state", "seed", "device", "threads")},
                "key": key,
                "settings": [setting(trial[path]) for path in varied],
                "verdicts": [counts.loc[key].get(name, 0) for name in OUTCOMES] if key in counts.index else [],
                "started": f"{trial['started_at']:%Y-%m-%d %H:%M}",
                "seconds": f"{seconds[key]:.0f}",
                "memory": f"{trial['peak_memory_bytes'] / 1e6:.0f}",
                "commit": commit[:10] + ("+changes" if "+" in commit else ""),
                "error": (error or "").strip(),
                "reason": schemas.reason(error) or "no reason is recorded",
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
