import pytest
import torch

from trainables import noise
from trainables.noise import Noise

SHAPES = {"relu3": (50, 20), "sm1": (50, 3)}
CPU = torch.device("cpu")


def epoch_of(std=1.0, steps=20, seed=0, shapes=SHAPES, threads=1, run=1, epochs=1, overlap=False):
    """What is added to zeros, by layer, (epochs x steps, rows, features)."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        added = {layer: torch.zeros(epochs * steps, *shape) for layer, shape in shapes.items()}
        with Noise(std, shapes, seed, run, CPU, steps=steps, epochs=epochs, overlap=overlap) as source:
            for step in range(epochs * steps):
                source.add({layer: values[step] for layer, values in added.items()})
        return added
    finally:
        torch.set_num_threads(before)


def test_the_noise_is_standard_normal_times_std_and_new_at_every_step():
    for layer, values in epoch_of(std=3.0, steps=200).items():
        assert values.mean() == pytest.approx(0, abs=0.1), layer
        assert values.std() == pytest.approx(3, rel=0.02), layer
        assert len({float(step[0, 0]) for step in values}) == 200


@pytest.mark.parametrize("block", [1, 4_000, 10_000])
def test_neither_threads_nor_overlap_nor_blocks_nor_other_layers_change_the_noise(monkeypatch, block):
    expected = epoch_of(epochs=2)
    monkeypatch.setattr(noise, "_BLOCK", block)
    for threads, overlap in ((1, False), (1, True), (2, False), (2, True), (4, True)):
        found = epoch_of(threads=threads, epochs=2, overlap=overlap)
        assert all(torch.equal(found[layer], values) for layer, values in expected.items()), (threads, overlap)
    alone = epoch_of(shapes={"sm1": SHAPES["sm1"]}, epochs=2)
    assert torch.equal(alone["sm1"], expected["sm1"])


def test_step_s_of_every_epoch_draws_from_stream_s():
    streams = noise.generators(0, 1, "sm1")
    expected = [torch.empty(50, 3).normal_(generator=streams[s % noise.STREAMS]) for _ in range(2) for s in range(20)]
    assert torch.equal(epoch_of(epochs=2)["sm1"], torch.stack(expected))


def test_an_overlapped_draw_takes_half_of_the_threads_for_a_while():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with Noise(1.0, SHAPES, 0, 1, CPU, steps=1, epochs=1, overlap=True):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_seeds_and_runs_differ():
    first, seed, run = epoch_of(), epoch_of(seed=1), epoch_of(run=2)
    assert not torch.equal(first["sm1"], seed["sm1"])
    assert not torch.equal(first["sm1"], run["sm1"])


def test_streams_go_on_from_epoch_to_epoch():
    first, second = epoch_of(steps=1, epochs=2)["sm1"]
    assert not torch.equal(first, second)


def test_without_noise_nothing_is_added():
    assert all((values == 0).all() for values in epoch_of(std=0.0).values())


def test_float64_outputs_take_the_same_noise():
    double = torch.zeros(50, 3, dtype=torch.float64)
    with Noise(1.0, {"sm1": (50, 3)}, 0, 1, CPU, steps=1, epochs=1) as source:
        source.add({"sm1": double})
    assert torch.equal(double.float(), epoch_of(steps=1)["sm1"][0])
