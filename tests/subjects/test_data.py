import gzip
import hashlib
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from trainables import truth
from trainables.settings import InputError
from trainables.subjects import data, official


def write_idx(path: Path, values: np.ndarray) -> None:
    """A file in the IDX format of MNIST."""
    header = struct.pack(">BBBB", 0, 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


def test_digits_are_28x28_in_0_1_and_split_by_class():
    digits = data.load("digits")
    assert digits.train.inputs.shape == (1_437, 1, 28, 28)
    assert digits.test.inputs.shape == (360, 1, 28, 28)
    assert 0 <= digits.train.inputs.min() and digits.train.inputs.max() <= 1
    assert digits.train.labels.bincount().min() > 130
    assert digits.test.labels.bincount().min() > 30
    assert data.load("digits") is digits
    data.load.cache_clear()
    assert torch.equal(data.load("digits").train.inputs, digits.train.inputs)


def test_standardized_pixels_have_mean_0_and_deviation_1_and_the_same_ceiling():
    unit, scaled = (data.load("digits", scaling=scaling) for scaling in ("unit", "standardized"))
    assert scaled.train.inputs.mean().item() == pytest.approx(0, abs=5e-4)
    assert scaled.train.inputs.std(correction=0).item() == pytest.approx(1, abs=5e-4)
    for part in ("train", "test"):
        before, after = getattr(unit, part), getattr(scaled, part)
        torch.testing.assert_close(after.inputs * 0.3247 + 0.3054, before.inputs)
        assert torch.equal(after.labels, before.labels)
        assert truth.entropy(after.inputs) == truth.entropy(before.inputs)


def test_subsets_are_stratified_nested_and_fixed():
    labels = np.repeat(np.arange(10), np.arange(100, 1_100, 100))
    small, large = data.stratified_rows(labels, 550), data.stratified_rows(labels, 1_100)
    assert len(small) == 550 and set(small) < set(large)
    assert np.bincount(labels[small]).tolist() == list(range(10, 110, 10))
    assert np.array_equal(small, data.stratified_rows(labels, 550))
    assert not np.array_equal(small, np.arange(550))


def test_a_subset_of_images_keeps_pixels_and_labels_together():
    train = data.load("digits").train
    subset = train.subset(200)
    for pixels, label in zip(subset.inputs[:20], subset.labels[:20], strict=True):
        row = (train.inputs == pixels).flatten(1).all(dim=1).nonzero()[0]
        assert train.labels[row] == label


def test_the_root_comes_from_the_configuration_then_the_variable_then_the_cache(monkeypatch):
    monkeypatch.setenv(official.ROOT_VARIABLE, "/from/variable")
    assert official.data_root("/from/flag") == Path("/from/flag")
    assert official.data_root(None) == Path("/from/variable")
    monkeypatch.delenv(official.ROOT_VARIABLE)
    assert official.data_root(None).name == "mine-study"


def test_real_mnist(mnist_root):
    mnist = data.load("mnist", root=mnist_root)
    assert mnist.train.inputs.shape == (60_000, 1, 28, 28)
    assert mnist.train.labels.bincount().tolist()[:3] == [5923, 6742, 5958]
    assert mnist.test.inputs.shape == (10_000, 1, 28, 28)
    assert mnist.train.inputs.mean().item() == pytest.approx(0.1307, abs=1e-4)
    scaled = data.load("mnist", root=mnist_root, scaling="standardized")
    assert scaled.train.inputs.mean().item() == pytest.approx(0, abs=5e-4)
    assert scaled.train.inputs.std().item() == pytest.approx(1, abs=5e-4)
    assert truth.entropy(scaled.train.inputs) == truth.entropy(mnist.train.inputs)


def test_mnist_is_read_from_its_compressed_files(mnist_root, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for archive in (Path(mnist_root) / "MNIST" / "raw").glob("*.gz"):
        shutil.copy(archive, raw)
    assert len(data.load("mnist", root=str(tmp_path)).train) == 60_000
    assert not list(raw.glob("*ubyte")), "a folder that cannot be written will do"


@pytest.fixture
def broken_mnist(mnist_root, tmp_path) -> Path:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for archive in (Path(mnist_root) / "MNIST" / "raw").glob("*.gz"):
        shutil.copy(archive, raw)
    return raw


def load_and_fail(root: Path, name: str = "mnist") -> str:
    with pytest.raises(InputError) as caught:
        data.load(name, root=str(root))
    message = str(caught.value)
    assert str(root) in message and "\n" not in message
    return message


def test_a_truncated_archive_is_named(broken_mnist):
    archive = broken_mnist / "train-images-idx3-ubyte.gz"
    archive.write_bytes(archive.read_bytes()[:100_000])
    assert "truncated or corrupt MNIST/raw/train-images-idx3-ubyte.gz" in load_and_fail(broken_mnist.parents[1])


def test_a_changed_pixel_in_an_unpacked_file_is_found(broken_mnist):
    for archive in broken_mnist.glob("*.gz"):
        content = bytearray(gzip.decompress(archive.read_bytes()))
        if archive.name.startswith("t10k-images"):
            content[5_000] ^= 1
        archive.with_suffix("").write_bytes(content)
    assert "corrupt MNIST/raw/t10k-images-idx3-ubyte;" in load_and_fail(broken_mnist.parents[1])


FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}


@pytest.fixture(params=FOLDERS)
def made(request, tmp_path, monkeypatch) -> tuple[Path, str]:
    """A set of the official layout with few images, which is taken for the official one; its folder and name."""
    raw, random, sums = tmp_path / FOLDERS[request.param] / "raw", np.random.default_rng(0), {}
    for part, size in (("train", 30), ("t10k", 20)):
        for kind, shape in (("images-idx3", (size, 28, 28)), ("labels-idx1", (size,))):
            file = raw / f"{part}-{kind}-ubyte"
            write_idx(file, random.integers(0, 10, shape))
            sums[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(official._SHA256, request.param, sums)
    return raw, request.param


def test_unpacked_and_compressed_files_are_the_same(made):
    raw, name = made
    unpacked = data.load(name, root=str(raw.parents[1]))
    assert unpacked.train.inputs.shape == (30, 1, 28, 28) and len(unpacked.test) == 20
    assert unpacked.train.inputs.max().item() == pytest.approx(9 / 255)
    for file in list(raw.iterdir()):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    data.load.cache_clear()
    compressed = data.load(name, root=str(raw.parents[1]))
    assert torch.equal(compressed.train.inputs, unpacked.train.inputs)
    assert torch.equal(compressed.test.labels, unpacked.test.labels)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def cut_gz(file: Path) -> None:
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes())[:-9])
    file.unlink()


def not_gz(file: Path) -> None:
    file.rename(file.with_name(f"{file.name}.gz"))


def directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def exchange(file: Path) -> None:
    other = file.with_name("train-labels-idx1-ubyte")
    content = file.read_bytes()
    file.write_bytes(other.read_bytes())
    other.write_bytes(content)


def wrong_magic(file: Path) -> None:
    file.write_bytes(b"\1\2\3\4" + file.read_bytes()[4:])


@pytest.mark.parametrize(
    "damage", [cut, cut_gz, not_gz, directory, exchange, wrong_magic, lambda file: file.write_bytes(b"")]
)
def test_a_file_that_is_not_the_official_one_is_named(made, damage):
    raw, name = made
    damage(raw / "train-images-idx3-ubyte")
    message = load_and_fail(raw.parents[1], name)
    assert f"{raw.parent.name}/raw/train-images-idx3-ubyte" in message
    if damage is exchange:
        assert f"train-labels-idx1-ubyte of {name} under the name of" in message


def test_missing_data_without_a_network_says_what_must_be_there(tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])
    assert "no train-images-idx3-ubyte in MNIST/raw" in load_and_fail(tmp_path)


def test_a_root_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    load_and_fail(tmp_path / "file")
    with pytest.raises(InputError, match="a character that no path has"):
        data.load("mnist", root="a\0b")


def test_real_fashion_mnist(mnist_root):
    if not (Path(mnist_root) / "FashionMNIST").is_dir():
        pytest.skip("needs Fashion-MNIST beside MNIST")
    fashion = data.load("fashion_mnist", root=mnist_root)
    assert fashion.train.labels.bincount().tolist() == [6_000] * 10
    assert fashion.test.inputs.shape == (10_000, 1, 28, 28)
