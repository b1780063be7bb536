import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import (
    Results,
    configurations,
    figures,
    fit_curves,
    layout,
    paper,
    plots,
    report,
)
from study import studies
from tests import made_results
from trainables.settings import InputError, flatten, key

CHROMIUM = os.environ.get("MINE_STUDY_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    made_results.study(str(folder / "results"))
    made_results.write(str(folder / "results"), {"seed": 7, "mine.noise_std": 3.0}, state="failed")
    return report.write(str(folder / "results"), str(folder / "out"))


def findings(page: Path) -> str:
    section = page.read_text().split('<ul class="findings">')[1].split("</ul>")[0]
    return html.unescape(re.sub("<[^>]+>", " ", section))


def test_the_findings_are_sentences_with_their_numbers(page):
    said = findings(page)
    assert "13 trials of 5 configurations, seeds 0, 1, 2, 7: 12 completed, 1 failed; 1152 fits." in said
    assert "Of all fits 25 % exploded, 0 % collapsed, 0 % stuck, 0 % unsettled and 75 % settled." in said
    assert "Explosion is most frequent with noise_std 0" in said
    assert "finetune needed" in said and "fewer than reinit" in said
    assert "in explosion whose 95 % interval leaves out 0" in said and "nan " not in said


def test_the_page_needs_no_network_and_holds_everything(page):
    text = page.read_text()
    outside = re.findall(r"""(?:src|href)=["'](?!#|data:)([^"']+)""", text) + re.findall(r"url\((?!data:|#)", text)
    assert outside == []
    for name in ("stability", "pairs", "accuracy", "convergence", "consistency", "order", "differences", "thresholds"):
        assert f'<table id="table-{name}">' in text
        assert (page.parent / "tables" / f"{name}.csv").stat().st_size > 50
    assert text.count('<img src="data:image/svg+xml') == len(list((page.parent / "figures").glob("*.svg"))) >= 8
    assert len(list((page.parent / "figures").glob("*.png"))) == len(list((page.parent / "figures").glob("*.svg")))


def test_every_verdict_links_to_its_curve(page):
    text = page.read_text()
    targets, anchors = set(re.findall(r'href="#([^"]+)"', text)), set(re.findall(r' id="([^"]+)"', text))
    assert targets <= anchors
    assert len([target for target in targets if target.startswith("c-") and target.count("-") == 3]) == 4 * 8


def test_the_first_screen_answers_and_its_map_leads_to_the_curves(page):
    before, _, after = page.read_text().partition('<section id="findings">')
    assert "With some settings only (4 of 8, X and Y apart). For X 75 % of the fits settled" in html.unescape(before)
    assert before.index('class="answer"') < before.index('id="map"') < before.index('id="curves"')
    table = before.partition('<div class="scroll map">')[2].partition("</table>")[0]
    cells = re.findall(r'<td class="(\w*)" title="([^"]+)"><a href="#(c-\w+-[XY]-\w+)">([^<]+)</a>', table)
    assert len(cells) == 4 * 8 and all(f'id="{anchor}"' in before for *_, anchor, _ in cells)
    assert {text[0] for *_, text in cells} == {"\u2715", "1"}
    assert any("50 % exploded" in about for _, about, *_ in cells)


def test_columns_in_which_rows_do_not_differ_are_a_sentence(page):
    section = page.read_text().partition('<section id="stability">')[2].partition("</section>")[0]
    headings = re.findall(r'<button type="button">([^<]+)</button>', section)
    assert "noise_std" in headings and "exploded %" in headings
    assert not {"architecture", "seeds", "fits", "stuck %"} & set(headings)
    assert re.search(r"In every row: architecture 1, hidden_units 10, seeds 3, fits 144, .*stuck % 0", section)


def test_a_study_that_is_not_the_papers_says_nothing_of_the_paper(tmp_path):
    made_results.write(str(tmp_path / "r"), {"data.name": "digits", "mine.noise_std": 1.0}, exploded=0.2)
    text = report.write(str(tmp_path / "r"), str(tmp_path / "out")).read_text()
    said = re.sub(r"(?s)<style>.*?</style>|<script>.*?</script>|data:image[^\"]*|<[^>]+>", " ", text)
    assert not re.findall(r"(?i).*(?:paper|eq\. ?\d|table [23]).*", said)


def test_outcomes_are_told_apart_without_colours():
    assert set(layout.DASHES) == set(layout.COLOURS) and len(set(layout.DASHES.values())) == len(layout.DASHES)


def test_truths_of_a_plane_are_joined_and_numbered_by_run():
    _, (ax,) = layout.panels(1)
    points = pd.DataFrame({"layer": "fc", "run": [1, 2, 3], "x": 1.0, "y": 1.0, "settled": True})
    points = points.assign(truth_x=[1.0, 5.0, 5.1], truth_y=[0.5, 2.0, 2.0], optimum_x=np.nan, optimum_y=np.nan)
    plots.information_plane(ax, points, {"X": 10.0, "Y": 2.3}, layout.layer_styles(["fc"]))
    assert [list(line.get_xdata()) for line in ax.lines if line.get_linestyle() == "--"][0] == [1.0, 5.0, 5.1]
    near_truths = [text.get_text() for text in ax.texts if text.get_ha() == "right"]
    assert near_truths == ["1", "2"], "the third would cover the second"


def test_errors_are_shown_and_escaped(page):
    text = page.read_text()
    assert "ValueError: &lt;b&gt;made&lt;/b&gt;" in text and "<b>made</b>" not in text
    assert "1 trial failed" in text


_DRIVER = """
<script>
window.addEventListener("load", () => {
  const outcome = { errors: window.seen, tables: {} };
  for (const table of document.querySelectorAll("table[id]")) {
    const rows = () => [...table.tBodies[0].rows];
    const column = index => rows().map(row => row.cells[index].dataset.v ?? row.cells[index].textContent.trim());
    const found = { rows: rows().length, sorted: true };
    [...table.tHead.rows[0].cells].forEach((head, index) => {
      for (const sign of [1, -1]) {
        head.querySelector("button").click();
        const numbers = column(index).filter(text => text !== "" && !isNaN(text)).map(Number);
        found.sorted &&= numbers.every((value, at) => at === 0 || sign * (value - numbers[at - 1]) >= 0);
        found.sorted &&= head.getAttribute("aria-sort") === (sign === 1 ? "ascending" : "descending");
      }
    });
    const input = document.querySelector(`input[data-table="${table.id}"]`);
    const shown = text => {
      input.value = text; input.dispatchEvent(new Event("input"));
      return rows().filter(row => !row.hidden && row.offsetParent !== null).length;
    };
    found.finetune = shown("FINETUNE"); found.none = shown("no such word"); found.all = shown("");
    found.expected = rows().filter(row => row.textContent.toLowerCase().includes("finetune")).length;
    outcome.tables[table.id] = found;
  }
  document.title = "outcome" + JSON.stringify(outcome);
});
</script>
"""


def chromium(*arguments: str) -> subprocess.CompletedProcess:
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium: none on the path, and MINE_STUDY_CHROMIUM is not set"
)


@needs_chromium
def test_tables_sort_and_filter_in_a_browser_without_errors(page, tmp_path):
    watched = page.read_text().replace(
        "<head>", "<head><script>window.seen = []; window.onerror = text => window.seen.push(text);</script>", 1
    )
    copy = tmp_path / "page.html"
    copy.write_text(watched.replace("</body>", f"{_DRIVER}</body>"))
    ended = chromium("--dump-dom", copy.as_uri())
    outcome = json.loads(html.unescape(ended.stdout.split("<title>outcome")[1].split("</title>")[0]))
    assert outcome["errors"] == [] and "CONSOLE" not in ended.stderr
    assert len(outcome["tables"]) == 9
    for name, found in outcome["tables"].items():
        assert found["sorted"], name
        assert (found["none"], found["all"]) == (0, found["rows"]), name
        assert found["finetune"] == found["expected"], name
    assert 0 < outcome["tables"]["table-pairs"]["finetune"] < outcome["tables"]["table-pairs"]["rows"]


@needs_chromium
def test_the_page_prints(page, tmp_path):
    printed = tmp_path / "page.pdf"
    chromium(f"--print-to-pdf={printed}", "--no-pdf-header-footer", page.as_uri())
    content = printed.read_bytes()
    assert content.startswith(b"%PDF") and content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") > 3


# Studies in which something is missing: the page says so, and has the rest.


def test_a_report_of_failed_trials_only(tmp_path):
    made_results.write(str(tmp_path / "r"), {}, state="failed")
    path = report.write(str(tmp_path / "r"), str(tmp_path / "out"))
    text = path.read_text()
    assert "No trial completed" in text and "The only trial failed" in text and "ValueError" in text
    assert text.count("Nothing to tabulate.") == 8 and list((tmp_path / "out" / "figures").iterdir()) == []


def test_a_report_of_exploded_fits_only(tmp_path):
    for seed in (0, 1):
        made_results.write(str(tmp_path / "r"), {"seed": seed}, exploded=1.0)
    path = report.write(str(tmp_path / "r"), str(tmp_path / "out"))
    said = findings(path)
    assert "Of all fits 100 % exploded" in said and "No fit for X settled" in said
    assert (tmp_path / "out" / "figures" / "exploded_X.svg").exists()
    assert not (tmp_path / "out" / "figures" / "truth.svg").exists()


def test_a_report_of_one_seed_whose_truth_is_the_ceiling(tmp_path):
    made_results.write(str(tmp_path / "r"), {}, truth=2.3, error=0.0)
    said = findings(report.write(str(tmp_path / "r"), str(tmp_path / "out")))
    assert "With one seed per configuration no interval is possible." in said
    assert "every truth is the ceiling H(X)" in said


def test_a_report_of_one_pair_without_curves_and_with_damaged_files(tmp_path):
    folder = str(tmp_path / "r")
    made_results.write(folder, {"mine.pairs": ("X;sm1",)})
    damaged = made_results.write(folder, {"mine.pairs": ("X;sm1",), "seed": 1})
    (tmp_path / "r" / "estimates" / f"{key(damaged)}.parquet").write_bytes(b"PAR1")
    shutil.rmtree(tmp_path / "r" / "curves")
    text = report.write(folder, str(tmp_path / "out")).read_text()
    assert "Not read: a damaged file" in text and "No curve of a completed trial was found." in text
    assert "2 completed, 0 failed; 12 fits" in text


def test_results_and_folders_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(InputError, match="holds no trials"):
        report.write(str(tmp_path), str(tmp_path / "out"))
    made_results.write(str(tmp_path / "r"), {})
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="out is .* it must be a folder that can be written"):
        report.write(str(tmp_path / "r"), str(tmp_path / "file"))


def test_a_report_removes_no_file_but_figures_of_an_earlier_one(tmp_path):
    made_results.write(str(tmp_path / "results"), {})
    kept, old = [tmp_path / "figures" / name for name in ("mine.png", "plane_9.svg")]
    kept.parent.mkdir()
    (tmp_path / "tables").mkdir()
    own = tmp_path / "tables" / "own.csv"
    for path in (kept, old, own):
        path.write_text("")
    report.write(str(tmp_path / "results"), str(tmp_path))
    assert kept.exists() and own.exists() and not old.exists()
    with pytest.raises(InputError, match="a path on this machine"):
        report.write(str(tmp_path / "results"), "s3://bucket/report")


def test_findings_say_what_has_no_interval_and_what_is_stuck(tmp_path):
    for seed, noise in ((0, 0.0), (1, 1.0)):
        made_results.write(str(tmp_path), {"seed": seed, "mine.noise_std": noise}, level=0.01)
    said = findings(report.write(str(tmp_path), str(tmp_path / "report")))
    assert "With one seed per configuration no interval is possible." in said
    assert "(2 have no interval" in said and "100 % stuck, 0 % unsettled" in said


def test_titles_fit_their_figure(tmp_path):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    made_results.write(str(tmp_path), {}, exploded=0.4)
    changes = {
        "mine.learning_rate": 1e-5,
        "mine.batch_size": 50,
        "mine.marginals": "derangement",
        "mine.noise_std": 1.0,
    }
    made_results.write(str(tmp_path), {**changes, "mine.hidden_units": 100, "mine.architecture": 3}, exploded=0.4)
    for path, value in changes.items():  # or one of them would tell as much as all
        made_results.write(str(tmp_path), {path: value, "mine.pairs": ("X;sm1", "Y;relu3"), "mine.replicates": 1})
    for drawing in figures.draw(Results(str(tmp_path))):
        canvas = FigureCanvasAgg(drawing.figure)
        canvas.draw()
        titles = [drawing.figure._suptitle, *(ax.title for ax in drawing.figure.axes)]
        boxes = [title.get_window_extent(canvas.get_renderer()) for title in titles]
        assert all(box.x0 >= 0 and box.x1 <= canvas.get_renderer().width for box in boxes), drawing.name


def test_a_sample_of_fits_has_each_cell_and_its_explosions(tmp_path):
    folder = str(tmp_path)
    for seed in range(3):
        made_results.write(folder, {"seed": seed}, exploded=0.05, runs=6)
    results = Results(folder)
    judged, sample = results.judged, fit_curves.sample(results, 40)
    assert sample.groupby("pair", observed=True).size().tolist() == [5] * 8
    exploded = judged[judged["outcome"] == "exploded"]
    kept = sample[sample["outcome"] == "exploded"]
    assert set(exploded["pair"]) == set(kept["pair"])
    assert len(fit_curves.sample(results, 10_000)) == len(judged)


def test_the_papers_planes_join_x_and_y_of_two_configurations_beside_the_authors(tmp_path):
    """Figures 3 and 4 share X; seed 6 has no Y, so it has no panel."""
    folder = str(tmp_path)
    for config in studies.PAPER.configurations[:4]:
        made_results.write(folder, {**flatten(config), "seed": 5})
    made_results.write(folder, {**flatten(studies.PAPER.configurations[0]), "seed": 6})
    made = list(figures.information_planes(Results(folder)))
    assert [one.caption.split(":")[0] for one in made] == [
        f"Information plane, {figure} of the paper" for figure in paper.PLANES
    ]
    theirs, ours = made[0].figure.axes
    assert [ax.get_title() for ax in (theirs, ours)] == ["the authors", "ours, seed 5"]
    shown = {tuple(point) for drawn in theirs.collections for point in np.asarray(drawn.get_offsets()).round(2)}
    assert {(3.51, 1.0), (4.49, 0.92), (3.24, 1.83)} <= shown


def test_labels_leave_out_what_a_configuration_does_not_use_and_what_changes_together():
    trials = pd.DataFrame([{**flatten(config), "mine.pairs": "X;sm1"} for config in studies.PAPER.configurations])
    assert {"network.epochs", "network.learning_rate", "schedule.first_probe"} <= set(
        configurations.varied_columns(trials)
    )
    assert configurations.telling_columns(trials)[:3] == ["network.epochs", "mine.architecture", "mine.front"]
    first, last = trials.index[0], trials.index[-1]
    assert configurations.label(trials, first) == (
        "network.epochs 21, architecture 1, noise_std 2, hidden_units 20, transfer_mode reinit, mine.epochs 30"
    )
    assert "front trained" in configurations.label(trials, last)


def test_known_answers_above_the_axis_stand_below_each_other():
    _, (ax,) = layout.panels(1)
    curve = pd.DataFrame({"curve": [np.array([0.5, 1.0])], "outcome": "settled"})
    plots.learning_curves(ax, curve, {"ceiling": 2.3, "truth": 8.0, "optimum": 604.0})
    assert [text.get_text() for text in ax.texts] == ["truth 8 nats\noptimum 604 nats"]
