"""The overview: what the numbers are of, the answer, and the width that a terminal has."""

import io

import pytest
from rich.console import Console

from analysis import Results, overview, rendering, terminal
from tests import made_results


def study(folder, levels: dict[float, float], exploded: float = 0.0, **more) -> Results:
    """A setting per noise, whose X and Y settle at a level where 2 nats are the truth."""
    for noise, level in levels.items():
        for seed in (0, 1):
            changes = {"seed": seed, "mine.noise_std": noise}
            made_results.write(str(folder), changes, level=level, fall=0.1, exploded=exploded, runs=1, **more)
    return Results(str(folder))


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ({0.0: 1.9, 1.0: 2.0}, "Yes. For X 100 % of the fits settled, 100 % of these within 1.5x of the truth; for Y"),
        ({0.0: 0.9, 1.0: 1.0}, "No. For X 100 % of the fits settled, 0 % of these within"),
        (
            {0.0: 0.9, 1.0: 2.0},
            "With some settings only (2 of 4, X and Y apart). For X 100 % of the fits settled, 50 %",
        ),
    ],
)
def test_the_answer(tmp_path, levels, said):
    results = study(tmp_path, levels)
    assert overview.answer(results).startswith(said)
    assert "Least bad: noise_std 1, on average " in overview.answer(results)


def test_where_there_is_nothing_to_answer_it_says_so(tmp_path):
    made_results.write(str(tmp_path / "a"), {}, state="failed")
    assert overview.answer(Results(str(tmp_path / "a"))) == "There is no answer: no trial completed."
    made_results.write(str(tmp_path / "b"), {}, truth=0.05, runs=1)
    assert overview.answer(Results(str(tmp_path / "b"))) == "There is no answer: no truth reaches 0.1 nats."
    made_results.write(str(tmp_path / "c"), {}, exploded=1.0, runs=1)
    answer = overview.answer(Results(str(tmp_path / "c")))
    assert answer == "No. For X no fit settled; for Y no fit settled."


def test_settings_whose_intervals_meet_are_tied(tmp_path):
    close = study(tmp_path / "close", {0.0: 1.0, 1.0: 1.001})
    assert overview.answer(close).endswith("tied with noise_std 0.")
    apart = study(tmp_path / "apart", {0.0: 0.5, 1.0: 1.9})
    assert "tied" not in overview.answer(apart)


def test_numbers_are_of_the_fits_that_did_not_explode(tmp_path):
    results = study(tmp_path, {0.0: 1.0}, exploded=0.5)
    rows = overview.rows(results).set_index("variable")
    assert rows["exploded"].tolist() == [1, 0] and rows["verdict"].tolist() == ["exploding", "too low"]
    assert rows.loc["Y", "per_truth"] == pytest.approx(0.5, abs=0.01) and rows["estimate"].isna().tolist() == [
        True,
        False,
    ]
    assert rows.loc["Y", "estimate"] == pytest.approx(0.85, abs=0.02)


def screen(results: Results, width: int) -> str:
    out = io.StringIO()
    terminal.show_overview(results, Console(width=width, file=out))
    return out.getvalue()


def test_a_screen_has_what_its_width_holds_and_names_the_rest(tmp_path):
    results = study(tmp_path, {0.0: 1.0, 1.0: 1.9}, exploded=0.2)
    for width, there in ((45, False), (80, True), (200, True)):
        shown = screen(results, width)
        assert max(map(len, shown.splitlines())) <= width
        assert ("verdict" in shown.split("Not shown")[0].split("In every row")[1].split("─")[0]) == there
    assert "Not shown for want of room" in screen(results, 45) and "Not shown" not in screen(results, 200)
    assert "In every row: architecture 1, hidden_units 10, collapsed % 0, stuck % 0, unsettled % 0" in screen(
        results, 200
    )


def test_columns_that_say_nothing_go_into_the_title():
    import pandas as pd

    rows = pd.DataFrame({"fits": [96, 96], "stuck": [0.1, 0.2], "paper": ["", ""]})
    columns = [rendering.Column("fits"), rendering.Column("stuck", percent=True), rendering.Column("paper")]
    for part, names in ((rows, ["stuck %"]), (rows[:1], ["fits", "stuck %"])):
        assert [one.heading for one in rendering.condensed(list(rendering.read(part, columns)))[0]] == names
