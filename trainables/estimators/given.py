"""What people give (arrays, labels, names, a seed) as what the engine reads, or one sentence why not.

NumPy arrays of any real type, order and stride; PyTorch tensors of any device, precision and layout, with gradients or
without; pandas objects without missing values; SciPy's sparse arrays, which are made dense; nested lists.
"""

import math
import numbers
import reprlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainables import truth
from trainables.estimators import memory
from trainables.estimators.rows import Rows
from trainables.settings import InputError


@dataclass(frozen=True)
class Given:
    """Arrays of as many rows each; `labels` are class numbers from 0 in the classes' order, int64, shape (N,)."""

    x: Rows | None
    labels: NDArray[np.int64] | None
    layers: dict[str, Rows]

    def __len__(self) -> int:
        return len(next(iter(self.layers.values())))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of one sample of X and of each layer; of Y the number of classes that occur."""
        shapes = {name: rows.shape for name, rows in self.layers.items()}
        shapes |= {} if self.x is None else {"X": self.x.shape}
        return shapes | ({} if self.labels is None else {"Y": (int(self.labels.max()) + 1,)})

    @property
    def entropies(self) -> dict[str, float]:
        """Of X and Y as they came, in nats: the ceilings."""
        groups = {"X": None if self.x is None else self.x.groups(), "Y": self.labels}
        return {name: truth.entropy(torch.from_numpy(of)) for name, of in groups.items() if of is not None}


def read(x: Any, y: Any, activations: Any) -> Given:
    """Inputs, labels and layers as people have them; x and y may be None.

    Raises:
        InputError: if one of them cannot be used, or they have not as many rows.
    """
    if not isinstance(activations, Mapping):
        raise InputError(f"activations is {_kind(activations)}; it must be a mapping from layers' names to arrays.")
    if not activations:
        raise InputError("activations is empty; it must hold one layer or more.")
    layers = {_layer_name(name): _rows(f"activations[{name!r}]", values) for name, values in activations.items()}
    inputs, labels = None if x is None else _rows("x", x), None if y is None else _labels(y)
    lengths = {rows.name: len(rows) for rows in (inputs, *layers.values()) if rows is not None}
    lengths |= {} if labels is None else {"y": len(labels)}
    if len(set(lengths.values())) != 1:
        shown = ", ".join(f"{length} of {name}" for name, length in lengths.items())
        raise InputError(f"rows are {shown}; there must be as many in each array.")
    return Given(inputs, labels, layers)


def seed(value: Any) -> int:
    """A seed: an integer that a trial's may be."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (is_integer and 0 <= value < 2**63):
        raise InputError(f"seed is {_shown(value)}; it must be an integer from 0 to 2^63 - 1.")
    return int(value)


def noise_std(value: Any) -> float:
    """A noise std of `truths`: any that is finite and not negative."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (is_number and 0 <= value <= sys.float_info.max):
        raise InputError(f"noise_std is {_shown(value)}; it must be a finite number of at least 0.")
    return float(value)


def _layer_name(name: Any) -> str:
    if not isinstance(name, str) or not name or not name.isprintable() or ";" in name or name in ("X", "Y"):
        raise InputError(
            f"layer's name is {_shown(name)}; it must be a text of printable characters, without ';', and not X or Y."
        )
    return str.__str__(name)  # of an enumeration's member: its text


def _rows(name: str, values: Any) -> Rows:
    """An array of numbers, one row per sample."""
    array = _array(name, values)
    if array.dtype.kind == "O":
        for place, value in enumerate(array.flat):
            if not isinstance(value, numbers.Real | np.bool_):
                row = place // (array.size // len(array))
                raise InputError(f"{name} holds {_shown(value)} in row {row}; it must hold real numbers.")
    elif array.dtype.kind not in "biuf":
        raise InputError(f"{name} holds values of type {array.dtype.name}; it must hold real numbers.")
    if array.dtype.kind == "O" or array.dtype.itemsize > 8:  # Python's own numbers, or longdouble
        array = _in_float64(name, array)
    if not np.isfinite(array).all():
        raise InputError(f"{name} has values that are not finite; every value must be a finite number.")
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return Rows(name, native.reshape(len(native), -1), array.shape[1:] or (1,))


def _in_float64(name: str, array: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(over="ignore", under="ignore"):
        try:
            double = array.astype(np.float64)
        except OverflowError:  # of an integer
            double = np.full(array.shape, np.inf)
    if (np.isinf(double) & (array == array)).any() or len(np.unique(double)) < len(set(array.flat)):
        raise InputError(f"{name} has values that float64 does not hold or tell apart; it must: rescale or shift it.")
    return double


def _array(name: str, values: Any, kind: type | None = None) -> NDArray[Any]:
    """What NumPy makes of it, with one row or more."""
    try:
        if _is_masked(values):
            raise InputError(f"{name} has masked values; it must have none: leave these rows out of every array.")
        array = np.asarray(_on_host(values), dtype=kind)
    except (ValueError, TypeError, RuntimeError, NotImplementedError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise InputError(f"{name} cannot be read ({reason}); it must be an array, one row per sample.") from error
    if not array.ndim:
        raise InputError(f"{name} is {_kind(values)}; it must be an array, one row per sample.")
    there = memory.available(torch.device("cpu"))
    if array.nbytes > there:  # a view may be larger than what it shows
        taken = f"{name} takes {memory.in_words(array.nbytes)} of memory"
        raise InputError(f"{taken}; it must take less than the {memory.in_words(there)} of this machine.")
    if not array.size:
        raise InputError(f"{name} has shape {array.shape}; it must have one row or more and one feature or more.")
    return array


def _is_masked(values: Any) -> bool:
    if isinstance(values, list | tuple):
        return any(map(_is_masked, values))
    return isinstance(values, np.ma.MaskedArray) and bool(np.ma.is_masked(values))


def _on_host(values: Any) -> Any:
    """Out of PyTorch, sparse formats and lists of them, into what NumPy reads."""
    if isinstance(values, torch.Tensor):
        dense = values.detach().dequantize() if values.is_quantized else values.detach().to_dense()
        if dense.is_floating_point() and dense.itemsize < 4:  # NumPy has no bfloat16
            dense = dense.float()
        return dense.cpu().resolve_conj().resolve_neg().numpy()[()]
    if hasattr(values, "toarray"):
        return values.toarray()
    return [_on_host(part) for part in values] if isinstance(values, list | tuple) else values


def _labels(y: Any) -> NDArray[np.int64]:
    """Class numbers from 0 on: of integers, booleans, whole floating-point numbers or strings, or of one-hot rows."""
    # Of a list NumPy would make one dtype first: of 1 and "1", or of a missing value and "nan", the same label.
    values = _array("y", y, object if isinstance(y, list | tuple) else None)
    if values.size != len(values):
        return _numbered(_of_one_hot(values))
    kinds: dict[str, tuple[int, Any]] = {}
    for row, value in enumerate(values.ravel().tolist()):
        kinds.setdefault(_label_kind(value), (row, value))
    if "" in kinds:
        row, value = kinds[""]
        raise InputError(f"y has {_shown(value)} in row {row}; every label must be an integer, a boolean or a string.")
    if len(kinds) > 1:
        raise InputError(f"y mixes labels that are {' and '.join(kinds)}; all must be of one kind.")
    return _numbered(values.ravel())


def _label_kind(value: Any) -> str:
    """Of a label: one of those that compare; empty of no label."""
    if isinstance(value, str | bytes):
        return "strings" if isinstance(value, str) else "bytes"
    is_whole = isinstance(value, numbers.Real | np.bool_) and math.isfinite(value) and value == math.floor(value)
    return "numbers" if is_whole else ""


def _of_one_hot(values: NDArray[Any]) -> NDArray[np.int64]:
    is_number = values.dtype.kind in "biuf" or all(isinstance(v, numbers.Real | np.bool_) for v in values.flat)
    if values.ndim != 2 or not (is_number and np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()):
        raise InputError(
            f"y has shape {values.shape}; it must be labels, (N,) or (N, 1), or one-hot, each row one 1 and else 0."
        )
    return np.asarray(values == 1).argmax(axis=1)


def _numbered(values: NDArray[Any]) -> NDArray[np.int64]:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _kind(value: Any) -> str:
    return f"of type {type(value).__name__}"


def _shown(value: Any) -> str:
    """A value in a sentence: one short line."""
    return " ".join(reprlib.repr(value).split())
