"""Fields by the names that tables show, and trials by their values."""

import pytest

from analysis import Results, rendering, selection, tables
from tests import made_results
from trainables.settings import InputError, fields, short_name


def test_every_field_is_known_by_its_path_its_shown_name_and_its_flag():
    for path in fields():
        for name in (path, short_name(path), path.replace("_", "-"), f"--{path.replace('_', '-')}"):
            assert selection.path_of(name, "") == path


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("noise", "it may be mine.noise_std"),
        ("noise_sd", "it may be mine.noise_std"),
        ("hiden_units", "it may be mine.hidden_units or mine.branch_units"),
        ("batch_size", "it may be network.batch_size or mine.batch_size"),
        ("variable", "`mine-study sweep --help` lists them"),
        ("", "`mine-study sweep --help` lists them"),
    ],
)
def test_near_misses_are_told_what_may_be_meant(name, meant):
    with pytest.raises(InputError) as refused:
        selection.path_of(name, "field is it")
    assert str(refused.value) == f"field is it; {name!r} is no field of the configuration: {meant}."


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> str:
    """60,000 samples, given and unset, and a part of them; all pairs and two."""
    folder = str(tmp_path_factory.mktemp("samples"))
    for seed, samples in ((0, None), (1, 60_000), (2, 6000)):
        made_results.write(folder, {"seed": seed, "mine.samples": samples, "mine.noise_std": 0.5 * (seed == 2)})
    made_results.write(folder, {"seed": 3, "data.name": "digits", "mine.pairs": ("X;sm1", "Y;sm1")})
    return folder


@pytest.mark.parametrize(
    ("where", "seeds"),
    [
        (["mine.samples=60000"], [0, 1]),
        (["mine.samples=6e4"], [0, 1]),
        (["samples=all"], [0, 1, 3]),
        (["samples=all", "data.name=mnist"], [0, 1]),
        (["mine.samples=None"], [0, 1, 3]),
        (["samples = 6000"], [2]),
        (["mine.samples=1437"], [3]),
        (["noise_std=0.50"], [2]),
        (["--mine.noise-std=0"], [0, 1, 3]),
        (["pairs=Y;sm1 X;sm1"], [3]),
        (["mine.pairs=X;sm1, Y;sm1"], [3]),
        (["pairs=all", "seed=1"], [1]),
    ],
)
def test_trials_are_chosen_by_values_as_people_write_them(results, where, seeds):
    assert sorted(Results(results, where=where).trials["seed"]) == seeds


def test_unset_and_all_samples_are_one_row_and_no_varied_setting(results):
    rows, _ = tables.build("stability", results, where=["data.name=mnist", "noise_std=0"])
    assert rows["seeds"].tolist() == [2, 2] and "mine.samples" not in rows


def test_the_names_that_a_table_shows_are_accepted_by_its_options(results):
    shown = rendering.fold(tables.build("stability", results)[0], tables.TABLES["stability"].columns)
    for name in ("noise_std", "architecture", "hidden_units", "samples"):
        value = shown[name].iloc[0]
        assert len(tables.build("stability", results, where=[f"{name}={value}"])[0])
    rows = tables.build("differences", results, field="noise_std")[0]
    assert rows.empty or set(rows["field"]) == {"mine.noise_std"}
    with pytest.raises(
        InputError, match="field is 'nois'; 'nois' is no field of the configuration: it may be mine.noi"
    ):
        tables.build("differences", results, field="nois")
