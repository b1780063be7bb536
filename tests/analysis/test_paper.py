"""Table 2 side by side and the points of the authors' figures, from made rows of the study `paper`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy import stats

from analysis import Results, findings, tables
from study import studies
from tests import made_results
from trainables.settings import InputError, TrialConfig, flatten, key, replace


def of_figure(units: int, epochs: int, variable: str, mode: str = "reinit") -> TrialConfig:
    (found,) = [
        config
        for config in studies.PAPER.configurations
        if (config.mine.hidden_units, config.mine.epochs, config.mine.transfer_mode) == (units, epochs, mode)
        and {pair[0] for pair in config.pairs} == {variable}
    ]
    return found


def write(folder: Path, config: TrialConfig, seed: int, **levels: float) -> Path:
    """Made rows of one trial; where its curves are."""
    config = made_results.write(str(folder), {**flatten(config), "seed": seed}, **levels)
    return folder / "curves" / f"{key(config)}.parquet"


def put(path: Path, pair: str, run: int, mine_epoch: int, bound: float) -> None:
    """Change one bound of a curve."""
    rows = pq.read_table(path)
    frame = rows.to_pandas()
    frame.loc[(frame["pair"] == pair) & (frame["run"] == run) & (frame["mine_epoch"] == mine_epoch), "bound"] = bound
    place = rows.column_names.index("bound")
    changed = rows.set_column(place, rows.schema.field("bound"), [frame["bound"].to_numpy(np.float32)])
    pq.write_table(changed, path)


def points(folder: Path, figure: str) -> pd.DataFrame:
    rows, _ = tables.build("points", str(folder))
    return rows[rows["figure"] == figure].set_index(["pair", "run"])


def test_table_2_has_one_counted_row_for_each_of_theirs_and_the_trained_fronts_beside(tmp_path):
    for config in studies.PAPER.configurations:
        write(tmp_path, config, 5)
    rows, notes = tables.build("paper", str(tmp_path))
    names = rows[["variable", "paper_row", "front", "counted"]].values.tolist()
    assert names == [
        ["X", "Architecture 1", "none", "yes"],
        ["X", "Architecture 1(2)", "none", "yes"],
        ["X", "Architecture 1(3)", "none", "yes"],
        ["X", "Architecture 2", "redrawn", "yes"],
        ["X", "Architecture 2", "trained", "no"],
        ["X", "Architecture 3", "redrawn", "yes"],
        ["X", "Architecture 3", "trained", "no"],
        ["X", "Architecture 3(2)", "redrawn", "yes"],
        ["X", "Architecture 3(2)", "trained", "no"],
        ["Y", "Architecture 1", "none", "yes"],
        ["Y", "Architecture 1(3)", "none", "yes"],
    ]
    assert set(rows["samples"]) == {60_000} and set(rows["seeds"]) == {1}
    # Settled near the optimum, all of them: right where the paper says Converged.
    assert (rows["agrees"] == "yes").equals(rows["paper"] == "Converged")
    assert any("3 of 8 counted rows agree" in note for note in notes)
    assert any("one seed" in note for note in notes)
    said = findings.sentences(Results(str(tmp_path)))
    assert "3 of the 8 rows of the paper's Table 2 that were built as its authors did agree with it." in " ".join(said)
    assert "Architecture 3 for X (paper: Exploding; here: Converged)" in " ".join(said)
    settings = [name for name in rows if "." in name]
    assert settings == ["mine.architecture", "mine.noise_std", "mine.hidden_units"]


def test_another_scale_is_shown_and_not_counted(tmp_path):
    finished = studies.PAPER.configurations[6]
    for samples in (None, 6000):
        made_results.write(str(tmp_path), {**flatten(finished), "mine.samples": samples})
    rows, _ = tables.build("paper", str(tmp_path))
    assert rows["samples"].tolist() == [60_000, 6000] * 2 and rows["counted"].tolist() == ["yes", "no"] * 2


def test_there_are_124_points_as_soon_as_one_is_there(tmp_path):
    made_results.write(str(tmp_path), {})
    assert tables.build("points", str(tmp_path))[0].empty
    write(tmp_path, of_figure(20, 30, "X"), 5)
    rows, notes = tables.build("points", str(tmp_path))
    sizes = rows.groupby("figure").size().to_dict()
    assert sizes == {"Figure 3": 48, "Figure 4": 24, "Figure 5": 24, "Figure 4 and Figure 5": 24, "Table 2": 4}
    assert set(rows["inside"]) == {"no"} and (rows["seeds"] <= 1).all() and rows["ours_low"].isna().all()
    # Figures 3 and 4 show X of the same settings; the rest has no trial yet.
    assert (rows["seeds"] == 1).sum() == 48 == rows["ours"].notna().sum()
    assert any(note.startswith("0 of 124 points inside") and "124 have fewer than 3" in note for note in notes)


def test_the_read_out_is_the_fifth_epoch_from_the_end_and_in_table_2_the_last(tmp_path):
    curves = write(tmp_path, of_figure(20, 30, "X"), 5)
    put(curves, "X;relu3", 2, 26, 4.25)
    assert points(tmp_path, "Figure 3").loc[("X;relu3", 2), "ours"] == 4.25
    finished = write(tmp_path, of_figure(100, 100, "Y"), 5)
    put(finished, "Y;sm1", 1, 100, 2.25)
    put(finished, "Y;sm1", 1, 96, 9.0)
    assert points(tmp_path, "Table 2").loc[("Y;sm1", 1), "ours"] == 2.25


def with_seeds(folder: Path, values: dict[int, list[float]], pair: str = "X;relu3") -> pd.Series:
    """Rows of Figure 3 for X, one seed per value, the pair's read-outs by run; the row of run 2."""
    for seed in range(len(values[2])):
        curves = write(folder, of_figure(20, 30, "X"), seed)
        for run, by_seed in values.items():
            put(curves, pair, run, 26, by_seed[seed])
    return points(folder, "Figure 3").loc[pair]


def test_the_interval_is_for_one_new_seed_with_a_pairs_spread_pooled_over_runs_from_2_on(tmp_path):
    values = {
        1: [0.30, 0.40, 0.35], 2: [4.4, 4.5, 4.6], 3: [4.7, 4.7, 4.8], 4: [4.8, 4.9, 5.0], 5: [4.6, 4.7, 4.6],
        6: [4.9, 5.0, 4.9],
    }  # fmt: skip
    rows = with_seeds(tmp_path, values)
    pooled = np.mean([np.var(values[run], ddof=1) for run in range(2, 7)]) ** 0.5
    half = stats.t.ppf(0.975, 10) * pooled * (1 + 1 / 3) ** 0.5
    assert rows.loc[2, ["ours_low", "ours_high"]].tolist() == pytest.approx([4.5 - half, 4.5 + half], abs=1e-6)
    alone = stats.t.ppf(0.975, 2) * np.std(values[1], ddof=1) * (1 + 1 / 3) ** 0.5
    assert rows.loc[1, "ours_high"] - rows.loc[1, "ours"] == pytest.approx(alone, abs=1e-6)
    # Theirs: 0.34 4.48 4.79 4.87 4.69 4.95; the half-width of run 1 is 0.25, above 0.2 nats and 25 % of 0.34.
    assert alone > 0.2 and rows["inside"].tolist() == ["no", "yes", "yes", "yes", "yes", "yes"]
    assert rows["relative_distance"].tolist()[:2] == pytest.approx([0.01 / 0.5, 0.02 / 4.48], abs=1e-6)


def test_what_is_not_finite_is_no_read_out_and_two_seeds_are_too_few(tmp_path):
    values = {run: [4.5, 4.6, 4.7] for run in range(1, 7)} | {2: [4.4, float("nan"), 4.6], 3: [4.7, float("inf"), 4.9]}
    rows = with_seeds(tmp_path, values)
    assert rows["seeds"].tolist() == [3, 2, 2, 3, 3, 3]
    assert rows.loc[[2, 3], "ours"].tolist() == pytest.approx([4.5, 4.8])
    low, high, theirs = rows.loc[2, ["ours_low", "ours_high", "theirs"]]
    assert low < theirs < high and rows.loc[[2, 3], "inside"].tolist() == ["no", "no"]
    assert rows["truth"].notna().all()


def test_a_point_outside_and_one_in_an_interval_that_holds_anything_are_not_inside(tmp_path):
    near = {run: [4.85, 4.90, 4.95] for run in range(1, 7)}
    rows = with_seeds(tmp_path / "near", near)
    assert rows["inside"].tolist() == ["no", "no", "yes", "yes", "no", "yes"]  # 0.34 4.48 4.79 4.87 4.69 4.95
    wide = {run: [3.0, 4.8, 6.6] for run in range(1, 7)}
    rows = with_seeds(tmp_path / "wide", wide)
    assert rows.loc[4, "ours_low"] < 4.87 < rows.loc[4, "ours_high"] and set(rows["inside"]) == {"no"}


def test_another_setting_gives_no_point(tmp_path):
    config = of_figure(20, 30, "X")
    others = ({"mine.noise_std": 1.0}, {"mine.epochs": 31}, {"mine.transfer_mode": "finetune"}, {"mine.samples": 6000})
    for other in others:
        write(tmp_path, replace(config, other), 5)
    assert tables.build("points", str(tmp_path))[0].empty


def test_thresholds_are_refused_for_the_points(capsys):
    from study import cli

    with pytest.raises(SystemExit):
        cli.main(["table", "docs/example/results", "--which", "points", "--thresholds", "2"])
    assert "it must be left out for the table 'points'" in capsys.readouterr().err
    with pytest.raises(InputError, match="where is 'pairs=Z'; no such trial is here"):
        tables.build("points", "docs/example/results", where=["pairs=Z"])
