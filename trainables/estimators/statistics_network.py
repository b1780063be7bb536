"""The statistics networks T of all pairs and replicates, evaluated side by side.

A *fit* is one statistics network: one pair, one replicate. The first Linear of the head acts on the
concatenation of the two sides, so W [u; v] = Wu u + Wv v: each side's product is taken once per batch for
all fits that read it, and a marginal sample is the same product in another row. Fits share data but no
parameter, and no operation mixes them: a fit that turns NaN leaves its siblings bit for bit as they are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trainables.draws import generator
from trainables.estimators import front
from trainables.estimators.parameters import Shapes, has_branch, is_convolved, parameters_of
from trainables.settings import MineConfig


@dataclass(frozen=True)
class Activity:
    """Outputs of the hidden layers (after the ReLU) in one forward pass.

    Attributes:
        head: one tensor per hidden layer of the heads, shape (any, pairs, replicates, units).
        branches: by side, shape (fits, rows, branch_units); architecture 3 only.
    """

    head: list[Tensor]
    branches: dict[str, Tensor]


class StatisticsNetworks:
    """Architectures 1 to 3 of the paper (section 1.4) for all pairs and replicates of a trial.

    Each side of a pair is either X, Y, or a layer. What a side does before the head's first Linear:

    - architecture 1: nothing (it is flattened);
    - architecture 2: a convolution, zero-padded to keep the size, if it is an image (channels, height,
      width), else a ReLU;
    - architecture 3: Dense(branch_units) + ReLU, or a bare ReLU if branch_units is 0.

    With a redrawn front (`front.py`) one side of each pair is a random map's output, handed over under the
    pair's name, and neither side has anything before the head's first Linear.

    The head is Linear(hidden_units) + ReLU, hidden_layers times, then Linear(1). With the separable critic each side
    has one of its own that ends in Linear(hidden_units), and T is their inner product. Labels enter one-hot.

    Attributes:
        sides: of each pair the two sides that its head concatenates.
        parameters: by name, the fits along the leading axes `(pairs that have it, replicates)`.
        pairs_with: by parameter, these pairs.
    """

    def __init__(
        self,
        config: MineConfig,
        shapes: Shapes,
        seed: int,
        run: int = 1,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        pairs: tuple[str, ...] | None = None,
    ) -> None:
        """Draw initial weights, PyTorch's default law, from one generator per (run, pair, replicate).

        Args:
            shapes: shape of one sample of "X" and of each layer that the pairs name; of "Y" the number of
                classes.
            pairs: None: those of the configuration, and where it names none, all of the shapes' layers.
        """
        self.config, self.device, self.dtype = config, torch.device(device), dtype
        there = [name for name in shapes if name not in ("X", "Y")]
        named = pairs or config.pairs or tuple(f"{variable};{layer}" for variable in "XY" for layer in there)
        # Pairs in the layers' order, so that the layers' products stand side by side as they come.
        self.pairs = tuple(pair for layer in there for pair in named if pair.endswith(f";{layer}"))
        self.layers = tuple(dict.fromkeys(pair.split(";")[1] for pair in self.pairs))
        self.variables = tuple(v for v in "XY" if any(pair.startswith(v) for pair in self.pairs))
        self.sides = {pair: front.sides(config, pair) for pair in self.pairs}
        self.shapes = dict(shapes)
        if config.redraws_front:
            self.shapes |= {pair: front.mapped_shape(config, pair, shapes) for pair in self.pairs}
        by_variable = [pair for v in self.variables for pair in self.pairs if pair.startswith(v)]
        self._variable_order = torch.tensor([by_variable.index(pair) for pair in self.pairs], device=device)
        self._labels = torch.eye(*self.shapes.get("Y", (0,)), device=device, dtype=dtype)
        # Where rows are looked up, their gradient adds up in an order that a GPU decides; a product's does not.
        self._looks_up = self.device.type == "cpu"
        self._rows: dict[tuple[str, ...], Tensor] = {}
        names = {pair: parameters_of(config, shapes, pair) for pair in self.pairs}
        self.pairs_with = {
            name: tuple(pair for pair in self.pairs if name in names[pair])
            for name in dict.fromkeys(name for pair in self.pairs for name in names[pair])
        }
        drawn = {(pair, r): self._draw(pair, seed, run, r) for pair in self.pairs for r in range(config.replicates)}
        self.parameters = {
            name: torch.stack([torch.stack([drawn[p, r][name] for r in range(config.replicates)]) for p in owners])
            .to(self.device)
            .requires_grad_()
            for name, owners in self.pairs_with.items()
        }

    def _draw(self, pair: str, seed: int, run: int, replicate: int) -> dict[str, Tensor]:
        """Initial parameters of one fit, each uniform in +-1/sqrt(fan in), whatever other fits there are."""
        source, drawn = generator(seed, "statistics network", run, pair, replicate), {}
        for name, (shape, fan_in) in parameters_of(self.config, self.shapes, pair).items():
            bound = 1 / math.sqrt(fan_in)
            # In float32 whatever the dtype, so that a float64 reference starts from the same weights.
            drawn[name] = torch.empty(shape).uniform_(-bound, bound, generator=source).to(self.dtype)
        return drawn

    def pairs_of(self, side: str) -> tuple[str, ...]:
        """The pairs that read a side ("X", "Y", a layer, or a pair's mapped side), in order."""
        return tuple(pair for pair in self.pairs if side in self.sides[pair])

    def rows(self, pairs: tuple[str, ...]) -> Tensor:
        """Positions of pairs along the axis of all pairs, int64, on the device.

        Made once: a list as an index would be copied to a GPU, which waits for it, at every use.
        """
        if pairs not in self._rows:
            self._rows[pairs] = torch.tensor([self.pairs.index(pair) for pair in pairs], device=self.device)
        return self._rows[pairs]

    def __call__(
        self, variables: dict[str, Tensor], layers: dict[str, Tensor], marginal: Tensor | None
    ) -> tuple[Tensor, Activity]:
        """T on the batch's joint and marginal samples.

        Args:
            variables: "X" as (batch, features), "Y" as int64 labels (batch,).
            layers: outputs with their noise, (batch, features) each; with `marginal` None, (2 batch,
                features): the joint samples' rows, then the marginal samples'.
                Of a redrawn front the mapped sides beside them, under their pairs' names.
            marginal: row of the layer that each marginal sample takes, all distinct, int64, shape (batch,); not
                read where the bound takes all pairs.

        Returns:
            T of joint and of marginal samples, shape (2, batch, pairs, replicates), or where the bound takes all pairs
            of the j-th layer with the i-th variable, (batch, batch, pairs, replicates); and the hidden activity.
        """
        activity = Activity([], {})
        variable = self._by_layer([self._variable(name, variables, activity) for name in self.variables])
        layer_sides = dict.fromkeys(self.sides[pair][1] for pair in self.pairs)
        layer = torch.cat([self._project(side, layers[side], activity) for side in layer_sides], dim=1)
        if self.config.critic == "separable":
            variable = self._deep(variable + self.parameters["variable.first.bias"], activity, "variable.")
            layer = self._deep(layer + self.parameters["layer.first.bias"], activity, "layer.")
            variable, layer = self._linear(variable, "variable.last"), self._linear(layer, "layer.last")
            if self.config.all_pairs:
                return torch.einsum("iprk,jprk->ijpr", variable, layer), activity
            return torch.linalg.vecdot(variable, self._both(layer, marginal)), activity
        variable = variable + self.parameters["first.bias"]
        met = variable.unsqueeze(1) + layer if self.config.all_pairs else self._both(layer, marginal) + variable
        hidden = self._deep(met, activity)
        last: Tensor = LastProduct.apply(hidden, self.parameters["last.weight"])
        return last + self.parameters["last.bias"], activity

    def _both(self, layer: Tensor, marginal: Tensor | None) -> Tensor:
        """The layers' rows of joint, then of marginal samples, (2, batch, ...)."""
        if marginal is None:
            return layer.unflatten(0, (2, len(layer) // 2))
        return torch.stack([layer, layer.index_select(0, marginal)])

    def _deep(self, first: Tensor, activity: Activity, head: str = "") -> Tensor:
        """A head's last hidden layer from its first pre-activation, (..., pairs, replicates, units)."""
        hidden = first.relu_()
        activity.head.append(hidden.flatten(0, -4))
        for depth in range(1, self.config.hidden_layers):
            hidden = functional.relu(self._linear(hidden, f"{head}hidden{depth}"))
            activity.head.append(hidden.flatten(0, -4))
        return hidden

    def _linear(self, values: Tensor, name: str) -> Tensor:
        """Each fit's own Linear, of (..., pairs, replicates, units)."""
        weight, bias = (self.parameters[f"{name}.{part}"] for part in ("weight", "bias"))
        return torch.einsum("...prh,prkh->...prk", values, weight) + bias

    def _by_layer(self, by_variable: list[Tensor]) -> Tensor:
        """The variables' shares, each (batch, its pairs, replicates, units), in the order of `pairs`."""
        if self.pairs == tuple(f"{v};{layer}" for layer in self.layers for v in self.variables):
            return torch.stack(by_variable, dim=2).flatten(1, 2)  # all pairs, as usual: one copy
        return torch.cat(by_variable, dim=1).index_select(1, self._variable_order)

    def _variable(self, name: str, variables: dict[str, Tensor], activity: Activity) -> Tensor:
        if name == "X":
            of_pairs = dict.fromkeys(self.sides[pair][0] for pair in self.pairs if pair.startswith("X"))
            return torch.cat([self._project(side, variables[side], activity) for side in of_pairs], dim=1)
        # One-hot labels take as many values as there are classes: project those rows once, and look the batch up.
        if self._looks_up:
            return self._project("Y", self._labels, activity).index_select(0, variables["Y"])
        return self._project("Y", self._labels.index_select(0, variables["Y"]), activity)

    def _project(self, side: str, values: Tensor, activity: Activity) -> Tensor:
        """A side's share of the head's first pre-activation, (rows, pairs of the side, replicates, units)."""
        config, weight = self.config, self.parameters[f"first.{side}.weight"]
        pairs, replicates, units, width = weight.shape
        fits, rows = pairs * replicates, len(values)
        if is_convolved(config, self.shapes[side]):
            kernels, bias = (self.parameters[f"convolution.{side}.{name}"] for name in ("weight", "bias"))
            images = values.view(-1, *self.shapes[side])
            maps = functional.conv2d(images, kernels.flatten(0, 2), bias.flatten(), padding="same")
            features = maps.view(rows, fits, -1).transpose(0, 1)
        elif has_branch(config):
            dense, bias = (self.parameters[f"branch.{side}.{name}"] for name in ("weight", "bias"))
            flat = functional.linear(values, dense.flatten(0, 2), bias.flatten())
            features = functional.relu(flat).view(rows, fits, -1).transpose(0, 1)
            activity.branches[side] = features
        else:
            shared = values if config.architecture == 1 or config.redraws_front else functional.relu(values)
            # Weights first: with few columns a quarter faster than the same product the other way round.
            return torch.mm(weight.flatten(0, 2), shared.t()).t().view(rows, pairs, replicates, units)
        product = torch.bmm(features, weight.view(fits, units, width).transpose(1, 2))
        return product.transpose(0, 1).reshape(rows, pairs, replicates, units)

    def per_fit(self, tensors: dict[str, Tensor]) -> Tensor:
        """Sum of squares of parameter-like tensors over each fit, shape (pairs, replicates)."""
        total = torch.zeros(len(self.pairs), self.config.replicates, device=self.device, dtype=self.dtype)
        for name, tensor in tensors.items():
            squares = tensor.square().flatten(2).sum(2) if tensor.dim() > 2 else tensor.square()
            total.index_add_(0, self.rows(self.pairs_with[name]), squares)
        return total

    def cut_gradients(self, most: float) -> None:
        """Cut each fit's gradient to this Euclidean norm."""
        gradients = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        factor = (most / self.per_fit(gradients).sqrt()).clamp(max=1)
        for name, gradient in gradients.items():
            gradient.mul_(self._of_fits(factor, name))

    def _of_fits(self, values: Tensor, name: str) -> Tensor:
        """Values of all fits, (pairs, replicates), as they broadcast to a parameter's fits."""
        own = values[self.rows(self.pairs_with[name])]
        return own.view(*own.shape, *[1] * (self.parameters[name].dim() - 2))

    def state(self) -> dict[str, Tensor]:
        """Copies of all parameters, for a checkpoint or the next run."""
        return {name: tensor.detach().clone() for name, tensor in self.parameters.items()}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor], keep: Tensor) -> None:
        """Take parameters from `state`, for the fits that `keep` marks, (pairs, replicates)."""
        keep = keep.to(self.device)
        for name, tensor in self.parameters.items():
            tensor.copy_(torch.where(self._of_fits(keep, name), state[name].to(self.device), tensor))


class LastProduct(torch.autograd.Function):
    """A product of each fit's hidden units with its last weights: T without its bias.

    Autograd's own gradient of the weights multiplies element by element, which at many units takes several times as
    long as the product here.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor) -> Tensor:
        """Of hidden units (2, batch, pairs, replicates, units) and weights (pairs, replicates, units)."""
        ctx.save_for_backward(hidden, weight)
        return torch.linalg.vecdot(hidden, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of `hidden` and `weight`."""
        hidden, weight = ctx.saved_tensors
        by_fit = gradients[0].flatten(0, 1).flatten(1).t().unsqueeze(1)
        to_weight = torch.bmm(by_fit, hidden.flatten(0, 1).flatten(1, 2).transpose(0, 1))
        return gradients[0].unsqueeze(-1) * weight, to_weight.view_as(weight)
