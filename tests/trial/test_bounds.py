"""A trial's rows of what a bound brings: optima, read-outs, held-out samples, null layers."""

import math

import pyarrow as pa
import pytest
import torch

from trainables.bounds import BOUNDS
from trainables.records import schemas
from trainables.settings import replace
from trainables.trial import schedule

READ_OUTS = [name for name in schemas.LATER if name.startswith("read_out_")]
HELD_OUT = [name for name in schemas.LATER if name.startswith("held_out_")]


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> str:
    """Where the network and its truths are published for all tests."""
    return str(tmp_path_factory.mktemp("results"))


@pytest.fixture
def estimates(shared, once):
    def run(**mine):
        config = replace(once, {f"mine.{name}": value for name, value in mine.items()})
        *_, last = schedule.run(config, torch.device("cpu"), shared)
        return pa.concat_tables(last.rows["estimates"]).to_pandas()

    return run


@pytest.fixture
def once(tiny):
    return replace(
        tiny, {"schedule.first_probe": 2, "mine.pairs": ("X;relu3", "Y;relu3", "Y;sm1"), "mine.noise_std": 0.1}
    )


@pytest.mark.parametrize("bound", BOUNDS)
def test_every_bound_leaves_its_optimum_and_its_read_outs(estimates, bound):
    rows = estimates(bound=bound)
    known = rows.set_index("pair")
    assert (rows.optimum <= math.log(50) + 1e-6).all() and (rows.optimum_standard_error < 0.06).all()
    assert (known.optimum["X;relu3"] > 3).all() and (known.optimum < known.truth + 0.01).all()
    there = {f"read_out_{name}" for name in BOUNDS[bound].read_outs}
    assert set(rows[READ_OUTS].dropna(axis=1).columns) == there
    assert rows[READ_OUTS].notna().any().sum() == len(there)
    assert rows[HELD_OUT].isna().all(axis=None)


def test_held_out_samples_have_values_and_answers_of_their_own(estimates):
    rows = estimates(held_out=0.25)
    there = {"held_out_donsker_varadhan", "held_out_smile", "held_out_truth", "held_out_truth_standard_error"}
    assert set(rows[HELD_OUT].dropna(axis=1).columns) == {*there, "held_out_optimum"}
    of_x = rows[rows.pair == "X;relu3"]
    assert of_x.ceiling.tolist() == pytest.approx([math.log(150)] * 2)
    assert (of_x.truth > math.log(60)).all() and (of_x.held_out_truth < math.log(50)).all()
    assert (of_x.held_out_optimum <= math.log(50) + 1e-9).all()
    assert (rows.held_out_donsker_varadhan != rows.read_out_donsker_varadhan).all()


def test_a_layer_shuffled_at_each_step_has_a_truth_of_nothing(estimates):
    for bound in ("donsker_varadhan", "smile", "infonce"):
        rows = estimates(null="shuffled_each_step", bound=bound, epochs=2)
        assert (rows[["truth", "truth_without_noise", "truth_standard_error"]] == 0).all(axis=None)
        assert rows.optimum.abs().max() < 1e-9


def test_what_is_learnt_by_heart_is_not_found_on_held_out_samples(estimates):
    """Shuffled once, each layer's output tells which input it was dealt to, and labels are without sense."""
    learnt = {"null": "shuffled_once", "epochs": 100, "learning_rate": 3e-3, "hidden_units": 50, "held_out": 0.25}
    rows = estimates(**learnt).set_index("pair")
    assert (rows.truth["X;relu3"] > 4.5).all()
    assert (rows.read_out_donsker_varadhan["Y;relu3"] > rows.held_out_donsker_varadhan["Y;relu3"] + 0.05).all()
    plainly = estimates(**learnt | {"null": "none"}).set_index("pair")
    assert (rows.truth["Y;sm1"] < plainly.truth["Y;sm1"] / 2).all()
