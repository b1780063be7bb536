"""One results folder, one study."""

import dataclasses

import pytest

from study import space, study_record
from study.space import Study
from trainables.config import InputError


@pytest.fixture
def study(tiny) -> Study:
    return Study("tiny", "For tests.", space.grid(tiny, {"mine.hidden_units": (3, 5)}), seeds=(0,))


def test_the_same_study_comes_again_also_with_other_seeds(study, tmp_path):
    study_record.claim(str(tmp_path), study)
    before = (tmp_path / study_record.FILE).read_bytes()
    study_record.claim(str(tmp_path), dataclasses.replace(study, seeds=(1, 2)))
    assert (tmp_path / study_record.FILE).read_bytes() == before


def test_another_study_is_refused(study, tmp_path):
    study_record.claim(str(tmp_path), study)
    with pytest.raises(InputError, match="holds the study 'tiny'; for the study 'other' it must be another folder"):
        study_record.claim(str(tmp_path), dataclasses.replace(study, name="other"))


def test_another_definition_of_the_study_is_refused(study, tmp_path):
    study_record.claim(str(tmp_path), study)
    changed = dataclasses.replace(study, configurations=study.configurations[:1])
    with pytest.raises(InputError, match=r"another definition .*\(2 configurations, 1 of them among the 1 of this"):
        study_record.claim(str(tmp_path), changed)


def test_a_damaged_record_is_named(study, tmp_path):
    (tmp_path / study_record.FILE).write_text('{"study": ')
    with pytest.raises(InputError, match=r"damaged study\.json"):
        study_record.claim(str(tmp_path), study)
