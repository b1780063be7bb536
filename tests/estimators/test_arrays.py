import dataclasses
import math

import numpy as np
import pytest
import torch

from trainables.estimators import arrays
from trainables.settings import InputError, MineConfig

QUICK = MineConfig(epochs=60, batch_size=50, learning_rate=5e-3, hidden_units=20, marginals="independent", replicates=2)


SHORT = dataclasses.replace(QUICK, epochs=3)


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
    assert set(found.outcomes["Y;one"]) <= {"settled", "unsettled"}


def test_only_x_or_only_y():
    activations, labels = clusters(2)
    assert set(arrays.fit(activations, None, {"l": activations}, SHORT).estimates) == {"X;l"}
    assert set(arrays.fit(None, labels, {"l": activations}, SHORT).estimates) == {"Y;l"}
    assert arrays.truths(None, {"l": activations}, 0.0)["l"].y == 0


def test_images_are_convolved_by_architecture_2():
    images = np.random.default_rng(0).random((100, 1, 6, 6))
    config = MineConfig(architecture=2, epochs=2, batch_size=50, conv_kernel=3)
    found = arrays.fit(images, None, {"maps": images.repeat(2, axis=1)}, config)
    assert np.isfinite(found.curves.bound.numpy()).all()


def test_one_seed_repeats_and_two_differ():
    activations, labels = clusters()
    first, again, other = (arrays.fit(None, labels, {"l": activations}, SHORT, seed=s).curves.bound for s in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_fit_that_never_left_0_is_stuck_where_there_is_information_and_settled_where_there_is_none():
    random = np.random.default_rng(0)
    y, layer = random.integers(2, size=400), random.normal(size=(400, 2))
    config = MineConfig(epochs=12, batch_size=100, learning_rate=1e-9, noise_std=0.1, replicates=1, hidden_units=4)
    telling = arrays.fit(None, y, {"l": 0.1 * layer + y[:, None]}, config)
    silent = arrays.fit(None, y, {"l": 0 * layer}, config)
    assert abs(telling.estimates["Y;l"][0]) < 0.05 and abs(silent.estimates["Y;l"][0]) < 0.05
    assert (telling.outcomes["Y;l"][0], silent.outcomes["Y;l"][0]) == ("stuck", "settled")


def test_bad_arrays_are_named():
    activations, labels = clusters()
    good = {"x": activations, "y": labels, "activations": {"l": activations}, "config": QUICK}
    for change, words in (
        ({"y": labels[1:]}, r"rows are 1000 of x, 1000 of activations\['l'\], 999 of y"),
        ({"activations": {}}, "one layer or more"),
        ({"activations": activations}, "activations is of type ndarray; it must be a mapping"),
        ({"x": None, "y": None}, "x and y are both None"),
        ({"x": activations[:10], "y": labels[:10], "activations": {"l": activations[:10]}},
         "mine.batch_size is 50; it must be at most 10"),
        ({"config": {"epochs": 3}}, "config is of type dict; it must be a MineConfig"),
        ({"config": MineConfig(hidden_units=10**9)}, "mine.hidden_units is 1000000000; it must be smaller.*memory"),
        ({"device": "tpu"}, "device is 'tpu' .*; it must be one of cpu"),
        ({"seed": 0.5}, "seed is 0.5; it must be an integer"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            arrays.fit(**{**good, **change})
    for std in (-1, math.nan, math.inf, "0.1", None, True, 10**400):
        with pytest.raises(InputError, match="noise_std is .*; it must be a finite number of at least 0"):
            arrays.truths(labels, {"l": activations}, std)
    with pytest.raises(InputError, match="there must be 2 or more"):
        arrays.truths(labels[:1], {"l": activations[:1]}, 0.1)


@pytest.mark.parametrize("architecture", [1, 2, 3])
def test_layers_of_any_name(architecture):
    """Also of one that a parameter's name holds, or a dot."""
    names = ("bias", "weight", "first", "fc.1", "x", "hidden1.weight", "0")
    x, config = np.random.default_rng(0).normal(size=(60, 1, 4, 4)), MineConfig(epochs=2, batch_size=20, replicates=1)
    layers = {name: x[:, 0, :, :width] for width, name in enumerate(names, start=1) if width < 4}
    layers |= {name: x for name in names if name not in layers}
    found = arrays.fit(x, x[:, 0, 0, 0] > 0, layers, dataclasses.replace(config, architecture=architecture))
    assert set(found.estimates) == {f"{variable};{name}" for variable in "XY" for name in names}
    alone = arrays.fit(x, None, {"weight": layers["weight"]}, dataclasses.replace(config, architecture=architecture))
    position = found.curves.pairs.index("X;weight")
    torch.testing.assert_close(found.curves.bound[:, position], alone.curves.bound[:, 0])


NORMAL = np.random.default_rng(0).normal(size=(1000, 1))


@pytest.mark.parametrize(
    ("layer", "unit"),
    [
        (1e8 + NORMAL, 1),
        (-1e12 + NORMAL, 1),
        (1e39 * NORMAL, 1e39),
        (1e-30 * NORMAL, 1e-30),
        (1e-310 * NORMAL, 1e-310),
        (np.concatenate([NORMAL, np.full((1000, 1), 1e9)], axis=1), 1),
    ],
)
def test_truths_do_not_depend_on_offset_or_unit(layer, unit):
    """The cast to float32 ate them."""
    labels = NORMAL[:, 0] > 0
    unit = np.float32(unit) if unit == 1 else unit  # any type of number
    known, found = (arrays.truths(labels, {"l": l}, 0.1 * u)["l"] for l, u in ((NORMAL, 1), (layer, unit)))  # noqa: E741
    assert known.x == pytest.approx(2.27, abs=0.06)
    assert found.x == pytest.approx(known.x, abs=4 * known.x_standard_error)
    assert found.y == pytest.approx(known.y, abs=4 * known.y_standard_error)


@pytest.mark.parametrize("layer", [1e8 + NORMAL, 1e39 * NORMAL, 1e-46 * NORMAL, np.arange(1000) + 2**60])
def test_without_noise_values_are_counted_as_they_came(layer):
    assert arrays.truths(None, {"l": layer}, 0)["l"].x == pytest.approx(math.log(1000))


def test_two_clusters_with_structure_that_products_of_float64_lose():
    """As far apart as 10^9 noise stds, each with the truth of a normal feature."""
    side, alone = np.repeat([0, 1], 500), arrays.truths(None, {"l": NORMAL[:500]}, 0.5)["l"]
    found = arrays.truths(side, {"l": side + 1e-9 * np.concatenate([NORMAL[:500, 0]] * 2)}, 0.5e-9)["l"]
    assert found.x == pytest.approx(alone.x + math.log(2), abs=4 * found.x_standard_error)
    assert found.y == pytest.approx(math.log(2))


def test_a_noise_that_float64_loses_is_refused():
    outlier = np.concatenate([NORMAL, [[1e15]]])
    with pytest.raises(
        InputError, match=r"noise_std is 0.1; it must be 0 or at least about 1e\+03.*activations\['l'\]"
    ):
        arrays.truths(None, {"l": outlier}, 0.1)


def test_a_fit_does_not_depend_on_a_large_offset():
    labels, config = NORMAL[:, 0] > 0, dataclasses.replace(QUICK, noise_std=0.1)
    near, far = (arrays.fit(None, labels, {"l": o + NORMAL}, config).estimates["Y;l"] for o in (0, -1e8))
    assert near.min() > 0.45 and far == pytest.approx(near, abs=0.1)
