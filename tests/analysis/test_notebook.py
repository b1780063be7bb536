"""What a notebook shows of a study."""

import pytest

from analysis import load
from tests import made_results
from trainables.settings import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("study"))
    for noise in (0.0, 1.0):
        for seed in (0, 1):
            changes = {"seed": seed, "mine.noise_std": noise}
            made_results.write(folder, changes, runs=2, exploded=0.5 * (noise == 0))
    return folder


def test_fits_are_tidy(folder):
    fits = load(folder).fits()
    assert len(fits) == 2 * 2 * 2 * 8 * 2
    assert list(fits)[:5] == ["seed", "epoch", "layer", "variable", "replicate"] and "noise_std" in fits
    assert list(fits)[-4:] == ["estimate", "truth", "optimum", "outcome"]
    assert set(fits["epoch"]) == {0, 4} and set(fits["layer"]) == {"maxpool1", "maxpool2", "relu3", "sm1"}
    exploded = fits[fits["outcome"] == "exploded"]
    assert len(exploded) == len(fits) / 4 and set(exploded["noise_std"]) == {0}
    assert set(load(folder, where=["noise_std=1"]).fits()["noise_std"]) == {1}


def test_a_study_shows_itself_in_a_line_and_as_a_page(folder):
    study = load(folder)
    assert repr(study) == f"<StudyResults {folder}: 2 settings x 2 seeds, 128 fits; nats>"
    page = study._repr_html_()
    assert page.count("<tr>") == 4 and "exploding" in page and "near" in page and "With some settings only" in page
    assert len(study.table("pairs")) == 2 * 8
    for picture, panels in ((study.plane(), 2), (study.curves("Y;sm1"), 2), (study.curves(first=1), 1)):
        assert len(picture.figure.axes) == panels and "<svg" in picture._repr_svg_()


def test_what_is_not_there_is_named(folder, tmp_path):
    study = load(folder)
    with pytest.raises(InputError, match=r"which is 'stabilty'; .*did you mean stability\?"):
        study.table("stabilty")
    with pytest.raises(InputError, match="number is 9; it must be that of a plane; there are 2 up to it"):
        study.plane(9)
    made_results.write(str(tmp_path), {}, state="failed")
    assert "There is no answer: no trial completed." in load(str(tmp_path))._repr_html_()
