"""What people give as arrays and labels: taken for what it means, or refused in one sentence that names it."""

import enum
import fractions

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from trainables.estimators import given
from trainables.settings import InputError

RANDOM = np.random.default_rng(0)
LAYER = RANDOM.normal(size=(60, 3))
LABELS = RANDOM.integers(0, 3, 60)
WORDS = np.array(["a", "b", "c"])[LABELS]


def layer_of(values):
    return given.read(None, LABELS, {"l": values}).layers["l"]


def read_only(values):
    values.flags.writeable = False
    return values


@pytest.mark.parametrize(
    "values",
    [
        torch.tensor(LAYER),
        torch.tensor(LAYER, requires_grad=True),
        torch.nn.Parameter(torch.tensor(LAYER)) * 1,
        torch.tensor(LAYER).to_sparse(),
        (torch.tensor(LAYER) + 1j * torch.tensor(LAYER)).conj().imag * -1,
        LAYER.astype(">f8"),
        LAYER.astype(np.longdouble),
        LAYER.astype(object),
        LAYER[::-1][::-1],
        np.asfortranarray(LAYER),
        read_only(LAYER.copy()),
        np.ma.array(LAYER),
        scipy.sparse.csr_matrix(LAYER),
        scipy.sparse.coo_array(LAYER),
        pd.DataFrame(LAYER),
        pd.DataFrame(LAYER).astype("Float64"),
        LAYER.tolist(),
        [torch.tensor(row, requires_grad=True) for row in LAYER],
    ],
    ids=lambda values: type(values).__name__,
)
def test_arrays_of_every_kind_are_the_same_numbers(values):
    rows = layer_of(values)
    assert rows.shape == (3,) and rows.values.dtype == np.float64
    np.testing.assert_array_equal(rows.values, LAYER)
    assert rows.single().dtype == torch.float32
    np.testing.assert_array_equal(rows.single(), LAYER.astype(np.float32))


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (LAYER[:, 0], (1,)),
        (LAYER[:, :1], (1,)),
        (LAYER.reshape(60, 1, 3, 1), (1, 3, 1)),
        (LAYER > 0, (3,)),
        (torch.tensor(LAYER).bfloat16(), (3,)),
        (LAYER.astype(np.float16), (3,)),
        (pd.DataFrame({"a": LAYER[:, 0], "b": LAYER[:, 0] > 0}), (2,)),
        ([fractions.Fraction(1, 3)] * 60, (1,)),
        ([torch.tensor(1.5)] * 60, (1,)),
        ([2**64 - 1, 0.5] * 30, (1,)),
    ],
)
def test_shapes_and_types(values, shape):
    rows = layer_of(values)
    assert rows.shape == shape and rows.single().shape == (60, np.prod(shape))


class Name(str, enum.Enum):  # noqa: UP042  # its text is not what it prints
    LAYER = "fc.1"


def test_a_name_is_its_text():
    assert [type(name) for name in given.read(None, LABELS, {Name.LAYER: LAYER}).layers] == [str]


@pytest.mark.parametrize("name", ["", "X", "Y", "a;b", "a\nb", "\ud800", 3, None, ("a",)])
def test_what_cannot_be_part_of_a_pair_is_no_layers_name(name):
    with pytest.raises(InputError, match="layer's name is .*; it must be a text"):
        given.read(None, LABELS, {name: LAYER})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ma.array(LAYER, mask=LAYER > 1), "has masked values"),
        ([np.ma.masked, *LAYER[1:, 0]], "has masked values"),
        ([[1.0, np.ma.masked]] * 60, "has masked values"),
        (LAYER + 0j, "holds values of type complex128"),
        (torch.tensor(LAYER) + 0j, "holds values of type complex128"),
        (np.full(60, "1.5"), "holds values of type str"),
        (np.full(60, "1.5", dtype=object), "holds '1.5' in row 0"),
        (np.full(60, "2020-01-01", dtype="M8[D]"), "holds values of type datetime64"),
        (np.zeros(60, dtype=[("a", "f4")]), "holds values of type"),
        ([1.0] * 59 + [None], "holds None in row 59"),
        (pd.DataFrame({"a": pd.array([1, None] * 30, dtype="Int64")}), "row 1|not finite"),
        (pd.Categorical(["a", "b"] * 30), "holds 'a' in row 0"),
        (np.where(LAYER > 1, np.nan, LAYER), "not finite"),
        (np.where(LAYER > 1, np.inf, LAYER), "not finite"),
        (LAYER.astype(np.longdouble) * np.longdouble("1e4000"), "float64 does not hold"),
        (LAYER[:0], r"has shape \(0, 3\)"),
        (LAYER[:, :0], r"has shape \(60, 0\)"),
        (3.0, "is of type float"),
        (None, "is of type NoneType"),
        ("abc", "is of type str"),
        ({"a": LAYER}, "is of type dict"),
        ((row for row in LAYER), "is of type generator"),
        ([[1.0]] * 59 + [[1.0, 2.0]], "cannot be read"),
        (torch.empty(60, 3, device="meta"), "cannot be read"),
        (scipy.sparse.coo_array((60, 10**12)), "cannot be read"),
    ],
)
def test_what_is_no_array_of_numbers_is_named(values, words):
    with pytest.raises(InputError, match=rf"^activations\['l'\] .*({words})") as caught:
        layer_of(values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS[:, None],
        LABELS.astype(float),
        LABELS.astype(">i8"),
        LABELS + 10**18,
        LABELS.tolist(),
        LABELS[:, None].tolist(),
        [2**80 + int(label) for label in LABELS],
        [torch.tensor(int(label)) for label in LABELS],
        torch.tensor(LABELS).float().requires_grad_(),
        torch.tensor(LABELS).bfloat16(),
        pd.Series(LABELS),
        pd.Series(LABELS, dtype="Int64"),
        pd.Series(LABELS, dtype="category"),
        WORDS,
        WORDS.astype("S"),
        WORDS.astype(object),
        WORDS.tolist(),
        pd.Series(WORDS),
        pd.Categorical(WORDS),
        np.eye(3)[LABELS],
        np.eye(3)[LABELS] > 0,
        np.eye(3, dtype=int)[LABELS].tolist(),
        np.eye(5)[LABELS + 1],
        torch.eye(3)[LABELS].requires_grad_(),
        scipy.sparse.csr_array(np.eye(3)[LABELS]),
        pd.get_dummies(WORDS),
    ],
    ids=lambda labels: type(labels).__name__,
)
def test_labels_of_every_kind_are_the_same_classes(labels):
    found = given.read(None, labels, {"l": LAYER})
    assert found.labels.dtype == np.int64 and found.shapes["Y"] == (3,)
    np.testing.assert_array_equal(found.labels, LABELS)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.ma.array(LABELS, mask=LABELS == 1), "has masked values"),
        ([None, *LABELS[1:]], "has None in row 0"),
        ([*WORDS[1:], float("nan")], "has nan in row 59"),
        (np.where(LABELS == 1, np.nan, LABELS), "has nan in row"),
        (pd.array([None, 1] * 30, dtype="Int64"), "has .* in row 0"),
        (pd.Categorical([None, "a"] * 30), "has nan in row 0"),
        (LABELS + 0.5, "has .*5 in row 0; every label must be an integer, a boolean or a string"),
        ([1, "1"] * 30, "mixes labels that are numbers and strings"),
        (np.array([1, "1"] * 30, dtype=object), "mixes labels that are numbers and strings"),
        (LABELS + 0j, "has .*j.* in row 0; every label must be"),
        (np.full(60, "2020-01-01", dtype="M8[D]"), "has datetime.date.* in row 0; every label must be"),
        (np.eye(3)[LABELS] * 2, r"has shape \(60, 3\); it must be labels"),
        (np.full((60, 3), 1 / 3), r"has shape \(60, 3\)"),
        (np.ones((60, 2)), r"has shape \(60, 2\)"),
        (np.full((60, 2), "a"), r"has shape \(60, 2\)"),
        (np.zeros((60, 2, 2)), r"has shape \(60, 2, 2\)"),
        (LABELS[None], r"has shape \(1, 60\)"),
        ([], r"has shape \(0,\)"),
        (3, "is of type int"),
        ("abc", "is of type str"),
        ((label for label in LABELS), "is of type generator"),
    ],
)
def test_what_is_no_label_is_named(labels, words):
    with pytest.raises(InputError, match=f"^y {words}"):
        given.read(None, labels, {"l": LAYER})


def test_entropies_count_what_came():
    far = 1e8 + LAYER
    assert given.read(far, LABELS, {"l": LAYER}).entropies["X"] == pytest.approx(np.log(60))
    assert len(np.unique(far.astype(np.float32), axis=0)) < 60


def test_float32_holds_an_offset_that_is_taken_off():
    far = np.stack([1e8 + LAYER[:, 0], -1e8 + LAYER[:, 0], LAYER[:, 0]], axis=1)
    rows = layer_of(far).single().numpy()
    assert (rows[:, 0] >= 0).all() and (rows[:, 1] <= 0).all(), "no sign changes"
    np.testing.assert_allclose(rows - rows.mean(axis=0), (far - far.mean(axis=0)), atol=1e-6)
    np.testing.assert_array_equal(rows[:, 2], far[:, 2].astype(np.float32))
    steps = (1e8 + np.arange(60)).astype(np.float32)  # exact in float32, which has no room for noise beside it
    assert layer_of(steps).single(noise_std=0.1).max() < 100


def test_what_float32_does_not_hold_is_refused():
    for values, noise_std, words in (
        (1e39 * LAYER, 0.0, "values up to .*; they must be at most 3.4e\\+38"),
        (1e-46 * LAYER, 0.0, "entropy of 4.09 nats, and 0.00 in float32"),
        (np.concatenate([[0], 1e9 + LAYER[1:, 0]]), 0.0, "entropy of 4.09 nats"),
        (1e6 * LAYER, 1e-4, "mine.noise_std is 0.0001; it must be 0 or at least about 0.2"),
    ):
        with pytest.raises(InputError, match=words):
            layer_of(values).single(noise_std)


@pytest.mark.parametrize("values", [np.broadcast_to(np.float32(0), (60, 10**11)), np.broadcast_to(0, (60, 10**12))])
def test_what_takes_more_memory_than_there_is_is_refused_before_it_takes_any(values):
    for x, y, layer in ((values, LABELS, LAYER), (LAYER, values, LAYER), (LAYER, LABELS, values)):
        with pytest.raises(InputError, match=r"^(x|y|activations.*) takes .* TB of memory; it must take less"):
            given.read(x, y, {"l": layer})
