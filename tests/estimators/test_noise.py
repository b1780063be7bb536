import pytest
import torch

from trainables import draws
from trainables.estimators import noise
from trainables.estimators.noise import CpuNoise, GpuNoise

SHAPES = {"relu3": (50, 20), "sm1": (50, 3)}
CPU = torch.device("cpu")


def added_by(source, added):
    """The same tensors, by layer, (steps, rows, features), with the noise of one step after the other added."""
    for step in range(len(next(iter(added.values())))):
        source.add({layer: values[step] for layer, values in added.items()})
    return added


def on_gpu(std=1.0, steps=20, seed=0, shapes=SHAPES, run=1):
    """What a GPU's noise adds to zeros, drawn here by the CPU's generator: (steps, rows, features) by layer."""
    with GpuNoise(std, shapes, seed, run, CPU) as source:
        return added_by(source, {layer: torch.zeros(steps, *shape) for layer, shape in shapes.items()})


def epoch_of(std=1.0, steps=20, seed=0, shapes=SHAPES, threads=1, run=1, epochs=1, overlap=False):
    """What is added to zeros, by layer, (epochs x steps, rows, features)."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        added = {layer: torch.zeros(epochs * steps, *shape) for layer, shape in shapes.items()}
        with CpuNoise(std, shapes, seed, run, steps=steps, epochs=epochs, overlap=overlap) as source:
            return added_by(source, added)
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
        with CpuNoise(1.0, SHAPES, 0, 1, steps=1, epochs=1, overlap=True):
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
    assert all((values == 0).all() for found in (epoch_of(std=0.0), on_gpu(std=0.0)) for values in found.values())


def test_float64_outputs_take_the_same_noise():
    for source, single in (
        (CpuNoise(1.0, SHAPES, 0, 1, steps=3, epochs=1), epoch_of(steps=3)),
        (GpuNoise(1.0, SHAPES, 0, 1, CPU), on_gpu(steps=3)),
    ):
        with source:
            zeros = {layer: torch.zeros(3, *shape, dtype=torch.float64) for layer, shape in SHAPES.items()}
            double = added_by(source, zeros)
        assert all(torch.equal(values.float(), single[layer]) for layer, values in double.items())


def test_the_device_decides_which_noise_it_is():
    kinds = {
        device: noise.source(1.0, SHAPES, 0, 1, torch.device(device), steps=1, epochs=1) for device in ("cpu", "cuda")
    }
    assert isinstance(kinds["cpu"], CpuNoise) and isinstance(kinds["cuda"], GpuNoise)


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
