import pytest
import torch

from trainables.draws import generator
from trainables.estimators.head import Last, Meet

BATCH, FITS, UNITS = 5, (3, 2), 4


def numbers(*shape):
    source = generator(0, "test head", *shape)
    return torch.randn(*shape, generator=source, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("marginal", [torch.tensor([1, 0, 2, 4, 3]), None])
def test_hidden_units_and_their_gradients(marginal):
    fixed, layer = numbers(BATCH, *FITS, UNITS), numbers(BATCH * (2 if marginal is None else 1), *FITS, UNITS)
    hidden = Meet.apply(fixed, layer, marginal)
    for i in range(BATCH):
        other = BATCH + i if marginal is None else marginal[i]
        assert torch.equal(hidden[0, i], (fixed[i] + layer[i]).relu())
        assert torch.equal(hidden[1, i], (fixed[i] + layer[other]).relu())
    assert torch.autograd.gradcheck(lambda a, b: Meet.apply(a, b, marginal), (fixed, layer))


def test_last_product_and_its_gradients():
    hidden, weight = numbers(2, BATCH, *FITS, UNITS), numbers(*FITS, UNITS)
    torch.testing.assert_close(Last.apply(hidden, weight), torch.einsum("sbprh,prh->sbpr", hidden, weight))
    assert torch.autograd.gradcheck(Last.apply, (hidden, weight))
