import pytest
import torch

from trainables import noise
from trainables.noise import Noise

SHAPES = {"relu3": (50, 20), "sm1": (50, 3)}
CPU = torch.device("cpu")


def epoch_of(std=1.0, steps=20, seed=0, shapes=SHAPES, threads=1, run=1):
    """What is added to zeros over one epoch, by layer, (steps, rows, features)."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        added = {layer: torch.zeros(steps, *shape) for layer, shape in shapes.items()}
        with Noise(std, shapes, seed, run, CPU) as source:
            for step in range(steps):
                source.add({layer: values[step] for layer, values in added.items()}, step, steps)
        return added
    finally:
        torch.set_num_threads(before)


def test_the_noise_is_standard_normal_times_std_and_new_at_every_step():
    for layer, values in epoch_of(std=3.0, steps=200).items():
        assert values.mean() == pytest.approx(0, abs=0.1), layer
        assert values.std() == pytest.approx(3, rel=0.02), layer
        assert len({float(step[0, 0]) for step in values}) == 200


@pytest.mark.parametrize("block", [1, 10_000])
def test_neither_threads_nor_blocks_nor_other_layers_change_the_noise(monkeypatch, block):
    expected = epoch_of()
    monkeypatch.setattr(noise, "_BLOCK", block)
    for threads in (1, 2):
        found = epoch_of(threads=threads)
        assert all(torch.equal(found[layer], values) for layer, values in expected.items())
    alone = epoch_of(shapes={"sm1": SHAPES["sm1"]})
    assert torch.equal(alone["sm1"], expected["sm1"])


def test_seeds_and_runs_differ():
    first, seed, run = epoch_of(), epoch_of(seed=1), epoch_of(run=2)
    assert not torch.equal(first["sm1"], seed["sm1"])
    assert not torch.equal(first["sm1"], run["sm1"])


def test_streams_go_on_from_epoch_to_epoch():
    with Noise(1.0, SHAPES, 0, 1, CPU) as source:
        epochs = []
        for _ in range(2):
            values = {layer: torch.zeros(shape) for layer, shape in SHAPES.items()}
            source.add(values, 0, 1)
            epochs.append(values["sm1"])
    assert not torch.equal(*epochs)


def test_without_noise_nothing_is_added():
    assert all((values == 0).all() for values in epoch_of(std=0.0).values())


def test_float64_outputs_take_the_same_noise():
    double = torch.zeros(50, 3, dtype=torch.float64)
    with Noise(1.0, {"sm1": (50, 3)}, 0, 1, CPU) as source:
        source.add({"sm1": double}, 0, 1)
    assert torch.equal(double.float(), epoch_of(steps=1)["sm1"][0])
