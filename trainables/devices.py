"""The device that a trial or a fit runs on: named, checked, or the GPU if there is one."""

import re
from typing import Any

import torch

from trainables.errors import InputError


def choose_device(name: Any = None) -> torch.device:
    """The named device, a GPU with its number; None: the GPU if there is one, else the CPU.

    Raises:
        InputError: if the device is not known, not there, or one that this PyTorch cannot compute on.
    """
    name = str(("cuda" if torch.cuda.is_available() else "cpu") if name is None else name)
    reason = why_unusable(name) if re.fullmatch(r"cpu|cuda(:\d+)?", name) else "not a CPU or an NVIDIA GPU"
    if reason:
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        there = ", ".join(["cpu", *(f"cuda:{index}" for index in range(gpus))])
        raise InputError(f"device is {name!r} ({reason}); it must be one of {there}.")
    return torch.zeros(1, device=name).device


def why_unusable(device: str) -> str:
    """Why PyTorch cannot compute on a device, in its own first words; empty if it can."""
    try:
        # With a kernel: a GPU too old for this PyTorch gives memory, and computes nothing.
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        return str(error).strip().splitlines()[0].split(". ")[0].rstrip(".")
    return ""
