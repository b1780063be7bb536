"""The head's first and last operation for all fits at once, with their gradients written out.

Autograd would take them apart into kernels so small that at batch 100 their number, not their work, is the
time of a step; docs/performance.md has the measurement.
"""

from typing import Any

import torch
from torch import Tensor


class Meet(torch.autograd.Function):
    """ReLU(fixed + rows of layer): the head's first hidden layer on joint and on marginal samples.

    Joint sample i takes row i of the layer's share. Marginal sample i takes row `marginal[i]`, distinct rows,
    or row batch + i where `marginal` is None.
    """

    @staticmethod
    def forward(ctx: Any, fixed: Tensor, layer: Tensor, marginal: Tensor | None) -> Tensor:
        """Hidden units, shape (2, *fixed.shape): of joint, then of marginal samples.

        Args:
            fixed: the variables' share of the pre-activations and the bias, (batch, pairs, replicates, units).
            layer: the layers' share, the same shape, or twice as many rows if `marginal` is None.
            marginal: int64, shape (batch,); None: the marginal samples' rows stand below the joint ones'.
        """
        batch = len(fixed)
        hidden = fixed.new_empty(2, *fixed.shape)
        torch.add(layer[:batch], fixed, out=hidden[0])
        torch.add(layer[batch:] if marginal is None else layer.index_select(0, marginal), fixed, out=hidden[1])
        hidden.relu_()
        ctx.save_for_backward(hidden, marginal)
        return hidden

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """Gradients of `fixed` and `layer`."""
        hidden, marginal = ctx.saved_tensors
        through = torch.ops.aten.threshold_backward(gradients[0], hidden, 0)
        joint, shuffled = through
        to_fixed = joint + shuffled
        to_layer = through.flatten(0, 1) if marginal is None else joint.index_add_(0, marginal, shuffled)
        return to_fixed, to_layer, None


class Last(torch.autograd.Function):
    """The head's last Linear, without its bias: a product of each fit's hidden units with its weights."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor) -> Tensor:
        """T without the bias, shape (2, batch, pairs, replicates).

        Args:
            hidden: (2, batch, pairs, replicates, units).
            weight: (pairs, replicates, units).
        """
        ctx.save_for_backward(hidden, weight)
        return torch.linalg.vecdot(hidden, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of `hidden` and `weight`."""
        hidden, weight = ctx.saved_tensors
        by_fit = gradients[0].flatten(0, 1).flatten(1).t().unsqueeze(1)
        to_weight = torch.bmm(by_fit, hidden.flatten(0, 1).flatten(1, 2).transpose(0, 1))
        return gradients[0].unsqueeze(-1) * weight, to_weight.view_as(weight)
