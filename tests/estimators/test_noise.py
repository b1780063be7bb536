import itertools
from contextlib import closing

import pytest
import torch

from trainables import draws
from trainables.estimators import noise

SHAPES = {"relu3": (50, 20), "sm1": (50, 3)}
CPU = torch.device("cpu")


def steps_of(normals, steps, std):
    """What is added to zeros in so many steps, by layer, (steps, rows, features)."""
    found: dict[str, list[torch.Tensor]] = {}
    with closing(normals):
        for numbers in itertools.islice(normals, steps):
            added = {layer: torch.zeros_like(values) for layer, values in numbers.items()}
            noise.add(added, numbers, std)
            for layer, values in added.items():
                found.setdefault(layer, []).append(values)
    return {layer: torch.stack(values) for layer, values in found.items()}


def on_gpu(std=1.0, steps=20, seed=0, shapes=SHAPES, run=1):
    """What a GPU's noise adds to zeros, drawn here by the CPU's generator: (steps, rows, features) by layer."""
    return steps_of(noise.on_gpu(shapes, seed, run, CPU), steps, std)


def epoch_of(std=1.0, steps=20, seed=0, shapes=SHAPES, threads=1, run=1, epochs=1, ahead=False):
    """What is added to zeros, by layer, (epochs x steps, rows, features)."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return steps_of(noise.on_cpu(shapes, seed, run, steps=steps, epochs=epochs, ahead=ahead), None, std)
    finally:
        torch.set_num_threads(before)


def test_the_noise_is_standard_normal_times_std_and_new_at_every_step():
    for layer, values in epoch_of(std=3.0, steps=200).items():
        assert values.mean() == pytest.approx(0, abs=0.1), layer
        assert values.std() == pytest.approx(3, rel=0.02), layer
        assert len({float(step[0, 0]) for step in values}) == 200


@pytest.mark.parametrize("block", [1, 4_000, 10_000])
def test_neither_threads_nor_drawing_ahead_nor_blocks_nor_other_layers_change_the_noise(monkeypatch, block):
    expected = epoch_of(epochs=2)
    monkeypatch.setattr(noise, "_BLOCK", block)
    for threads, ahead in ((1, False), (1, True), (2, False), (2, True), (4, True)):
        found = epoch_of(threads=threads, epochs=2, ahead=ahead)
        assert all(torch.equal(found[layer], values) for layer, values in expected.items()), (threads, ahead)
    alone = epoch_of(shapes={"sm1": SHAPES["sm1"]}, epochs=2)
    assert torch.equal(alone["sm1"], expected["sm1"])


def test_step_s_of_every_epoch_draws_from_stream_s():
    streams = noise.generators(0, 1, "sm1")
    expected = [torch.empty(50, 3).normal_(generator=streams[s % noise.STREAMS]) for _ in range(2) for s in range(20)]
    assert torch.equal(epoch_of(epochs=2)["sm1"], torch.stack(expected))


def test_drawing_ahead_takes_half_of_the_threads_for_a_while():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with closing(noise.on_cpu(SHAPES, 0, 1, steps=2, epochs=1, ahead=True)) as normals:
            next(normals)
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


def test_a_step_of_fewer_rows_and_of_float64_takes_the_same_numbers():
    numbers = next(noise.on_cpu(SHAPES, 0, 1, steps=3, epochs=1))
    added = {layer: torch.zeros(7, shape[1], dtype=torch.float64) for layer, shape in SHAPES.items()}
    noise.add(added, numbers, 2.0)
    assert all(torch.equal(values, 2 * numbers[layer][:7].double()) for layer, values in added.items())


def test_on_a_gpu_a_draw_is_as_many_steps_as_the_layers_shape_allows(monkeypatch):
    """Steps in the order of the run, past the end of a draw; never by what else is probed or what memory there is."""
    monkeypatch.setattr(noise, "GPU_NORMALS", 7 * 50 * 3 + 1)  # seven steps of sm1; less than one of relu3
    for most in (noise.GPU_STEPS, 5):
        monkeypatch.setattr(noise, "GPU_STEPS", most)
        found = on_gpu(std=2.0, steps=20)
        for layer, at_once in (("sm1", min(7, most)), ("relu3", 1)):
            stream = draws.generator(0, "noise", 1, layer)
            blocks = [torch.empty(at_once, *SHAPES[layer]).normal_(generator=stream) for _ in range(20)]
            assert torch.equal(found[layer], 2 * torch.cat(blocks)[:20]), layer
            alone = on_gpu(std=2.0, steps=20, shapes={layer: SHAPES[layer]})
            assert torch.equal(alone[layer], found[layer]), layer


def test_on_a_gpu_noise_is_standard_normal_new_at_every_step_and_by_seed_and_run(monkeypatch):
    monkeypatch.setattr(noise, "GPU_NORMALS", 10_000)
    found = on_gpu(std=3.0, steps=200)
    for layer, values in found.items():
        assert values.mean() == pytest.approx(0, abs=0.1), layer
        assert values.std() == pytest.approx(3, rel=0.02), layer
        assert len({float(step[0, 0]) for step in values}) == 200
    for other in (on_gpu(std=3.0, steps=200, seed=1), on_gpu(std=3.0, steps=200, run=2)):
        assert not torch.equal(other["sm1"], found["sm1"])
