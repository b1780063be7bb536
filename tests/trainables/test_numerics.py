"""What decides numbers is the configuration alone, whatever a caller has set in PyTorch; and that is given back."""

import pytest
import torch

from tests import lenet5
from tests.estimators import test_mine
from trainables import numerics
from trainables.draws import generator
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.subjects import probing, training
from trainables.subjects.data import Examples
from trainables.subjects.lenet import LeNet5

BACKENDS = torch.backends


def rounding() -> dict[str, str]:
    """How float32 products are rounded now, by backend."""
    backends = {
        "any": BACKENDS, "cuda.matmul": BACKENDS.cuda.matmul, "cudnn.conv": BACKENDS.cudnn.conv,
        "cudnn.rnn": BACKENDS.cudnn.rnn, "mkldnn.matmul": BACKENDS.mkldnn.matmul, "mkldnn.conv": BACKENDS.mkldnn.conv,
    }  # fmt: skip
    return {name: backend.fp32_precision for name, backend in backends.items()}


def older() -> list[object]:
    """What PyTorch's older calls say, or that they raise."""
    found = []
    for call in (torch.get_float32_matmul_precision, lambda: BACKENDS.cudnn.allow_tf32):
        try:
            found.append(call())
        except RuntimeError:
            found.append("raises")
    return found


@pytest.fixture(autouse=True)
def as_it_was():
    before = rounding()
    yield
    torch.set_float32_matmul_precision("highest")
    BACKENDS.cudnn.allow_tf32 = True
    BACKENDS.fp32_precision = before.pop("any")
    for name, precision in before.items():
        backend, setting = name.split(".")
        getattr(getattr(BACKENDS, backend), setting).fp32_precision = precision


PRECISIONS = {"highest": ("ieee", "ieee"), "high": ("tf32", "tf32"), "medium": ("tf32", "bf16")}
"""By matmul_precision: products and convolutions on a GPU, products on a CPU."""


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_gpus_convolutions_are_rounded_as_its_products(precision):
    on_gpu, on_cpu = PRECISIONS[precision]
    with numerics.fixed(precision):
        found = rounding()
        assert older() == [precision, on_gpu == "tf32"]
        with BACKENDS.cudnn.flags(enabled=True):  # raises where cuDNN's settings disagree
            pass
    assert {found[name] for name in ("cuda.matmul", "cudnn.conv", "cudnn.rnn")} == {on_gpu}
    assert (found["mkldnn.matmul"], found["mkldnn.conv"]) == (on_cpu, "ieee")


@pytest.mark.parametrize(
    "setting",
    [
        lambda: None,
        lambda: torch.set_float32_matmul_precision("medium"),
        lambda: setattr(BACKENDS.cudnn, "allow_tf32", False),
        lambda: setattr(BACKENDS.cuda.matmul, "fp32_precision", "tf32"),
        lambda: setattr(BACKENDS.cudnn.conv, "fp32_precision", "ieee"),
        lambda: setattr(BACKENDS.mkldnn.matmul, "fp32_precision", "bf16"),
        lambda: setattr(BACKENDS, "fp32_precision", "tf32"),
    ],
    ids=[
        "nothing",
        "the older call",
        "cuDNN's older setting",
        "a GPU's products",
        "its convolutions",
        "a CPU's products",
        "all at once",
    ],
)
def test_a_callers_settings_change_nothing_and_are_given_back(setting):
    chosen = test_mine.config(noise_std=0.3, matmul_precision="highest", architecture=2)
    expected = test_mine.fit(chosen, test_mine.samples_of())[0]
    setting()
    before = rounding(), older()
    found = test_mine.fit(chosen, test_mine.samples_of())[0]
    assert torch.equal(found.bound, expected.bound)
    assert (rounding(), older()) == before


def test_what_follows_a_wider_setting_goes_on_following_it():
    BACKENDS.fp32_precision = "tf32"
    with numerics.fixed("medium"):
        pass
    BACKENDS.fp32_precision = "ieee"
    assert BACKENDS.cuda.matmul.fp32_precision == BACKENDS.mkldnn.matmul.fp32_precision == "ieee"


def seen_in(monkeypatch, owner, name: str, work) -> list[tuple[str, bool, bool]]:
    """The rounding of a GPU's convolutions and cuDNN's choice of algorithms, whenever `owner.name` is called."""
    seen, plain = [], getattr(owner, name)

    def look(*arguments):
        cudnn = BACKENDS.cudnn
        seen.append((cudnn.conv.fp32_precision, cudnn.deterministic, cudnn.benchmark))
        return plain(*arguments)

    monkeypatch.setattr(owner, name, look)
    work()
    return seen


def test_mine_and_lenet_run_with_deterministic_algorithms_and_lenet_in_float32(monkeypatch):
    """cuDNN may otherwise add weight gradients by atomics: trials that train one LeNet-5 would publish two."""
    pixels = torch.rand(8, 1, 28, 28, generator=generator(0, "pixels"))
    images = Examples(pixels, torch.arange(8))
    network = lenet5.make(generator(0, "t"))
    optimizer = torch.optim.SGD(network.parameters())
    BACKENDS.cudnn.benchmark = True
    try:
        for work in (
            lambda: training.train_epoch(network, optimizer, images, 4, generator(0, "order")),
            lambda: training.accuracy(network, images),
            lambda: probing.activations(network, images.inputs, lenet5.LAYERS),
        ):
            assert set(seen_in(monkeypatch, LeNet5, "forward", work)) == {("ieee", True, False)}
        chosen = test_mine.config(matmul_precision="high", epochs=1)
        fit = seen_in(
            monkeypatch, StatisticsNetworks, "__call__", lambda: test_mine.fit(chosen, test_mine.samples_of())
        )
        assert set(fit) == {("tf32", True, False)}
        assert (BACKENDS.cudnn.deterministic, BACKENDS.cudnn.benchmark) == (False, True)
    finally:
        BACKENDS.cudnn.benchmark = False
