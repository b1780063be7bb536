import json

import pytest

from study import space, status, studies
from trainables.records import plans
from trainables.records.plans import Plan
from trainables.settings import InputError, key


def demo(seeds=(0,), **overrides) -> list:
    values = {path.replace("__", "."): value for path, value in overrides.items()}
    return space.trials(studies.DEMO, values, seeds)


def recorded(results: str, trials: list) -> None:
    space.check_folder(results, studies.DEMO, trials)
    plans.write(results, Plan("demo", tuple(trials)))


def test_a_plan_comes_back_as_it_was_written(tmp_path):
    trials = demo(seeds=(0, 1), mine__pairs=(("X;sm1", "Y;sm1"),), mine__samples=(None, 500))
    written = Plan("demo", tuple(trials), search="demo-random", expected=99)
    plans.write(str(tmp_path), written)
    plans.write(str(tmp_path), written)
    assert plans.read(str(tmp_path)) == [written]
    assert (written.total, Plan("demo", tuple(trials)).total) == (99, len(trials))
    assert plans.read(str(tmp_path / "nothing")) == []


def test_sweeps_of_one_study_keep_a_plan_each(tmp_path):
    results = str(tmp_path)
    recorded(results, demo())
    recorded(results, demo(seeds=(1, 2)))  # other seeds
    recorded(results, demo(mine__noise_std=(3.0,)))  # another value of what the study varies
    recorded(results, demo(mine__epochs=(32, 64)))  # the value it had, and one more
    recorded(results, demo())  # run again
    assert sorted(len(one.trials) for one in plans.read(results)) == [2, 4, 8, 8]
    planned = {key(config) for one in plans.read(results) for config in one.trials}
    assert planned == {key(c) for c in [*demo((0, 1, 2)), *demo(mine__noise_std=(3.0,)), *demo(mine__epochs=(64,))]}


def test_two_studies_are_refused(tmp_path):
    recorded(str(tmp_path), demo())
    with pytest.raises(InputError, match=r"mine.epochs is 5; it must be 32, as in the study demo that results"):
        recorded(str(tmp_path), demo(mine__epochs=(5,)))
    with pytest.raises(InputError, match="study is 'paper'; it must be 'demo', which results"):
        space.check_folder(str(tmp_path), studies.PAPER, space.trials(studies.PAPER, {}))


GOOD = {"version": 1, "study": "demo", "search": None, "expected": 0, "base": {}, "changes": []}

DAMAGES = {
    "cut": b"{",
    "not UTF-8": b'{"version": 1, "study": "d\xe9mo"}',
    "nothing": b"",
    "a list": b"[]",
    "another version": b'{"version": 99}',
    "nothing in it": b"{}",
    "nested without end": b"[" * 100_000,
    "a study without a name": json.dumps({**GOOD, "study": 5}).encode(),
    "a number of trials in words": json.dumps({**GOOD, "expected": "two"}).encode(),
    "trials that are none": json.dumps({**GOOD, "changes": [5]}).encode(),
    "pairs that are none": json.dumps({**GOOD, "changes": [{"mine.pairs": 5}]}).encode(),
    "a study of two lines": json.dumps({**GOOD, "study": "demo\nx"}).encode(),
    "a study that no text holds": json.dumps({**GOOD, "study": "\ud800"}).encode(),
    "architecture 9": json.dumps({**GOOD, "base": {"mine.architecture": 9}, "changes": [{}]}).encode(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_plan_is_named_and_the_rest_is_read(tmp_path, damage):
    results, whole = str(tmp_path), Plan("demo", tuple(demo()))
    plans.write(results, whole)
    file = tmp_path / "plans" / "aaa.json"
    file.write_bytes(DAMAGES[damage])
    found, (problem,) = plans.find(results)
    assert found == [whole] and f"plans/{file.name}" in problem and "delete it and run its sweep again" in problem
    assert status.report(results).startswith("study demo: 0 of 4 trials") and problem in status.report(results)
    with pytest.raises(InputError, match=f"plans/{file.name}"):
        space.check_folder(results, studies.DEMO, demo())


def test_a_name_stays_in_its_folder(tmp_path):
    with pytest.raises(InputError, match="letters, digits"):
        plans.write(str(tmp_path / "r"), Plan("../up", tuple(demo())))
