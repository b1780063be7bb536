"""PyTorch's settings that decide numbers: how float32 products are rounded, and which algorithms cuDNN may choose.

A caller's own settings neither reach what runs under `fixed` nor are lost by it. With them the same work gives the
same numbers on the same device model, since a step has no operation that adds in an order which a GPU decides.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_BACKENDS: Any = torch.backends
"""Of which type checkers see the modules, not the objects that PyTorch puts in their places."""


@contextmanager
def fixed(matmul_precision: str) -> Iterator[None]:
    """Numbers as the configuration has them, for a while; also a decorator.

    Args:
        matmul_precision: as `torch.set_float32_matmul_precision` has it; here it decides a GPU's convolutions, too,
            which PyTorch otherwise takes in TF32 whatever it says.
    """
    cudnn, mkldnn = _BACKENDS.cudnn, _BACKENDS.mkldnn
    settings = (_BACKENDS.cuda.matmul, cudnn.conv, cudnn.rnn, mkldnn.matmul, mkldnn.conv)
    rounding = [setting.fp32_precision for setting in settings]
    older, choice = _older_settings(), (cudnn.deterministic, cudnn.benchmark)
    on_gpu = "ieee" if matmul_precision == "highest" else "tf32"
    try:
        _set_older(matmul_precision, on_gpu == "tf32")
        cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = on_gpu
        mkldnn.conv.fp32_precision = "ieee"
        cudnn.deterministic, cudnn.benchmark = True, False
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = choice
        _set_older(*older)
        for setting, precision in zip(settings, rounding, strict=True):
            setting.fp32_precision = "none"  # what the caller left to a wider setting follows that again
            if setting.fp32_precision != precision:
                setting.fp32_precision = precision


def _older_settings() -> tuple[str, bool]:
    """PyTorch's older settings, which raise where a caller has used the newer ones alone; then the likeliest."""
    try:
        products = torch.get_float32_matmul_precision()
    except RuntimeError:
        products = "highest"
    try:
        return products, _BACKENDS.cudnn.allow_tf32
    except RuntimeError:
        return products, _BACKENDS.cudnn.conv.fp32_precision != "tf32"


def _set_older(products: str, convolutions_in_tf32: bool) -> None:
    """By these the newer settings of products, too; those of convolutions must be made to agree."""
    torch.set_float32_matmul_precision(products)
    _BACKENDS.cudnn.allow_tf32 = convolutions_in_tf32
