"""A data set of one's own: the first training batch of CIFAR-10 and its test images, from the official files.

    mine-study sweep examples/resnet.py --data.root FOLDER

FOLDER holds `cifar-10-batches-py/data_batch_1` and `test_batch`.
"""

import pickle
from pathlib import Path

import numpy as np


def load(root):
    """Inputs in [0, 1], shape (N, 3, 32, 32), and labels: to learn from, then to test with."""
    arrays = []
    for name in ("data_batch_1", "test_batch"):
        with open(Path(root) / "cifar-10-batches-py" / name, "rb") as file:
            content = pickle.load(file, encoding="bytes")
        arrays += [content[b"data"].reshape(-1, 3, 32, 32) / np.float32(255), np.array(content[b"labels"])]
    return tuple(arrays)
