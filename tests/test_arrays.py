import math

import numpy as np
import pytest
import torch

from trainables import arrays
from trainables.config import InputError, MineConfig

QUICK = MineConfig(epochs=60, batch_size=50, learning_rate=5e-3, hidden_units=20, marginals="independent", replicates=2)


def clusters(classes=4, each=250):
    """Rows of one class share one activation: both informations are ln(classes)."""
    labels = np.repeat(np.array(["a", "b", "c", "d"])[:classes], each)
    return np.eye(classes)[np.repeat(np.arange(classes), each)], labels


def test_fits_and_truths_of_own_arrays():
    activations, labels = clusters()
    found = arrays.fit(activations, labels, {"one": activations, "two": activations[:, :2]}, QUICK)
    assert set(found.estimates) == {"X;one", "X;two", "Y;one", "Y;two"}
    assert found.curves.bound.shape == (60, 4, 2)
    known = arrays.truths(labels, {"one": activations, "two": activations[:, :2]}, noise_std=0.0)
    assert known["one"].x == pytest.approx(math.log(4))
    assert known["two"].y == pytest.approx(1.5 * math.log(2))
    for pair, expected in {"X;one": math.log(4), "Y;one": math.log(4), "Y;two": 1.5 * math.log(2)}.items():
        assert np.median(found.estimates[pair]) == pytest.approx(expected, abs=0.15), pair
    assert set(found.stabilities["Y;one"]) <= {"settled", "unsettled"}


def test_only_x_or_only_y():
    activations, labels = clusters(2)
    assert set(arrays.fit(activations, None, {"l": activations}, QUICK).estimates) == {"X;l"}
    assert set(arrays.fit(None, labels, {"l": activations}, QUICK).estimates) == {"Y;l"}
    assert arrays.truths(None, {"l": activations}, 0.0)["l"].y == 0


def test_images_are_convolved_by_architecture_2():
    images = np.random.default_rng(0).random((100, 1, 6, 6))
    config = MineConfig(architecture=2, epochs=2, batch_size=50, conv_kernel=3)
    found = arrays.fit(images, None, {"maps": images.repeat(2, axis=1)}, config)
    assert np.isfinite(found.curves.bound.numpy()).all()


def test_one_seed_repeats_and_two_differ():
    activations, labels = clusters()
    first, again, other = (arrays.fit(None, labels, {"l": activations}, QUICK, seed=s).curves.bound for s in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_bad_arrays_are_named():
    activations, labels = clusters()
    with pytest.raises(InputError, match="lengths are {'l': 1000, 'Y': 999}"):
        arrays.fit(None, labels[1:], {"l": activations}, QUICK)
    with pytest.raises(InputError, match="layer's name is 'a;b'"):
        arrays.fit(None, labels, {"a;b": activations}, QUICK)
    with pytest.raises(InputError, match="one layer or more"):
        arrays.fit(activations, labels, {}, QUICK)
    with pytest.raises(InputError, match="mine.batch_size is 50; it must be at most 10"):
        arrays.fit(None, labels[:10], {"l": activations[:10]}, QUICK)
    with pytest.raises(InputError, match="l has values that are not finite"):
        arrays.fit(None, labels, {"l": activations * np.nan}, QUICK)
    with pytest.raises(InputError, match="y holds floating-point numbers"):
        arrays.fit(None, activations[:, 0], {"l": activations}, QUICK)
    with pytest.raises(InputError, match="noise_std is -1"):
        arrays.truths(labels, {"l": activations}, -1)
