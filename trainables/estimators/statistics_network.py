"""The statistics networks T of all pairs and replicates, evaluated side by side.

A *fit* is one statistics network: one pair, one replicate. The first Linear of the head acts on the
concatenation of the two sides, so W [u; v] = Wu u + Wv v: each side's product is taken once per batch for
all fits that read it, and a marginal sample is the same product in another row. Fits share data but no
parameter, and no operation mixes them: a fit that turns NaN leaves its siblings bit for bit as they are.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trainables.draws import generator
from trainables.estimators import front
from trainables.estimators.head import Last, Meet
from trainables.settings import MineConfig

ROLES = ("variable", "layer")
"""The sides of a pair, by which the heads of the separable critic are named."""


@dataclass(frozen=True)
class Activity:
    """Outputs of the hidden layers (after the ReLU) in one forward pass.

    Attributes:
        head: one tensor per hidden layer of the heads, shape (any, any, pairs, replicates, units).
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
        parameters: by name, the fits along the leading axes `(pairs of the side, replicates)`.
    """

    def __init__(
        self,
        config: MineConfig,
        shapes: dict[str, tuple[int, ...]],
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
        self.config, self.shapes = config, dict(shapes)
        self.device, self.dtype = torch.device(device), dtype
        there = [name for name in shapes if name not in ("X", "Y")]
        named = pairs or config.pairs or tuple(f"{variable};{layer}" for variable in "XY" for layer in there)
        self.layers = tuple(layer for layer in there if any(pair.split(";")[1] == layer for pair in named))
        # Pairs in the layers' order, so that the layers' products stand side by side as they come.
        self.pairs = tuple(pair for layer in self.layers for pair in named if pair.endswith(f";{layer}"))
        self.sides = {pair: front.sides(config, pair) for pair in self.pairs}
        if config.redraws_front:
            self.shapes |= {pair: front.mapped_shape(config, pair, self.shapes) for pair in self.pairs}
        self.variables = tuple(v for v in "XY" if any(pair.startswith(v) for pair in self.pairs))
        by_variable = [pair for v in self.variables for pair in self.pairs if pair.startswith(v)]
        self._variable_order = torch.tensor([by_variable.index(pair) for pair in self.pairs], device=device)
        self._labels = torch.eye(*self.shapes.get("Y", (0,)), device=device, dtype=dtype)
        self._pairs_with: dict[str, tuple[str, ...]] = {}
        # Where rows are looked up, their gradient adds up in an order that a GPU decides; a product's does not.
        self._looks_up = self.device.type == "cpu"
        self._rows: dict[tuple[str, ...], Tensor] = {}
        self.parameters = self._draw(seed, run)

    def pairs_of(self, side: str) -> tuple[str, ...]:
        """The pairs that read a side ("X", "Y", a layer, or a pair's mapped side), in order."""
        return tuple(pair for pair in self.pairs if side in self.sides[pair])

    def pairs_with(self, parameter: str) -> tuple[str, ...]:
        """The pairs along a parameter's first axis: those of its side, or all."""
        return self._pairs_with[parameter]

    def rows(self, pairs: tuple[str, ...]) -> Tensor:
        """Positions of pairs along the axis of all pairs, int64, on the device.

        Made once: a list as an index would be copied to a GPU, which waits for it, at every use.
        """
        if pairs not in self._rows:
            self._rows[pairs] = torch.tensor([self.pairs.index(pair) for pair in pairs], device=self.device)
        return self._rows[pairs]

    def _draw(self, seed: int, run: int) -> dict[str, Tensor]:
        """Initial weights of every fit, stacked; a fit's draws depend on no other fit."""
        fits = {
            (pair, replicate): self._draw_fit(pair, generator(seed, "statistics network", run, pair, replicate))
            for pair in self.pairs
            for replicate in range(self.config.replicates)
        }
        for pair in self.pairs:
            for name in fits[pair, 0]:
                self._pairs_with[name] = (*self._pairs_with.get(name, ()), pair)
        return {
            name: torch.stack([torch.stack([fits[p, r][name] for r in range(self.config.replicates)]) for p in pairs])
            .to(self.device)
            .requires_grad_()
            for name, pairs in self._pairs_with.items()
        }

    def _draw_fit(self, pair: str, source: torch.Generator) -> dict[str, Tensor]:
        """Parameters of one statistics network, each uniform in +-1/sqrt(fan in)."""

        def uniform(*shape: int, fan_in: int) -> Tensor:
            bound = 1 / math.sqrt(fan_in)
            # Drawn in float32 whatever the dtype, so that a float64 reference starts from the same weights.
            return torch.empty(*shape).uniform_(-bound, bound, generator=source).to(self.dtype)

        config, units, separable = self.config, self.config.hidden_units, self.config.critic == "separable"
        drawn: dict[str, Tensor] = {}
        widths = {side: self._width(side) for side in self.sides[pair]}
        for side, width in widths.items():
            features = math.prod(self.shapes[side])
            if self._is_convolved(side):
                channels, fan_in = self.shapes[side][0], self.shapes[side][0] * config.conv_kernel**2
                kernel = (config.conv_channels, channels, config.conv_kernel, config.conv_kernel)
                drawn[f"convolution.{side}.weight"] = uniform(*kernel, fan_in=fan_in)
                drawn[f"convolution.{side}.bias"] = uniform(config.conv_channels, fan_in=fan_in)
            elif self._has_branch:
                drawn[f"branch.{side}.weight"] = uniform(config.branch_units, features, fan_in=features)
                drawn[f"branch.{side}.bias"] = uniform(config.branch_units, fan_in=features)
            drawn[f"first.{side}.weight"] = uniform(units, width, fan_in=width if separable else sum(widths.values()))
        heads = {"": sum(widths.values())}
        if separable:
            heads = {f"{role}.": widths[side] for role, side in zip(ROLES, self.sides[pair], strict=True)}
        for head, width in heads.items():
            drawn[f"{head}first.bias"] = uniform(units, fan_in=width)
            for depth in range(1, config.hidden_layers):
                drawn[f"{head}hidden{depth}.weight"] = uniform(units, units, fan_in=units)
                drawn[f"{head}hidden{depth}.bias"] = uniform(units, fan_in=units)
            drawn[f"{head}last.weight"] = uniform(*(units,) * (1 + separable), fan_in=units)
            drawn[f"{head}last.bias"] = uniform(units if separable else 1, fan_in=units)
        if not separable:
            drawn["last.bias"] = drawn["last.bias"][0]
        return drawn

    @property
    def _has_branch(self) -> bool:
        return self.config.architecture == 3 and self.config.branch_units > 0 and not self.config.redraws_front

    def _is_convolved(self, side: str) -> bool:
        return self.config.architecture == 2 and len(self.shapes[side]) == 3 and not self.config.redraws_front

    def _width(self, side: str) -> int:
        """Features that a side hands to the head's first Linear."""
        if self._is_convolved(side):
            _, height, width = self.shapes[side]
            return self.config.conv_channels * height * width
        return self.config.branch_units if self._has_branch else math.prod(self.shapes[side])

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
            of the i-th variable with the j-th layer, (batch, batch, pairs, replicates); and the hidden activity.
        """
        activity = Activity([], {})
        by_variable = [self._variable(name, variables, activity) for name in self.variables]
        fixed = self._by_layer(by_variable)
        layer_sides = dict.fromkeys(self.sides[pair][1] for pair in self.pairs)
        layer = torch.cat([self._project(side, layers[side], activity) for side in layer_sides], dim=1)
        if self.config.critic == "separable":
            return self._products(fixed, layer, marginal, activity), activity
        fixed = fixed + self.parameters["first.bias"]
        if self.config.all_pairs:
            hidden: Tensor = functional.relu(fixed.unsqueeze(1) + layer)
        else:
            hidden = Meet.apply(fixed, layer, marginal)
        activity.head.append(hidden)
        for depth in range(1, self.config.hidden_layers):
            hidden = functional.relu(self._linear(hidden, f"hidden{depth}"))
            activity.head.append(hidden)
        return Last.apply(hidden, self.parameters["last.weight"]) + self.parameters["last.bias"], activity

    def _linear(self, values: Tensor, name: str) -> Tensor:
        """Each fit's own Linear, of (..., rows, pairs, replicates, units)."""
        weight, bias = (self.parameters[f"{name}.{part}"] for part in ("weight", "bias"))
        return torch.einsum("...prh,prkh->...prk", values, weight) + bias

    def _products(self, fixed: Tensor, layer: Tensor, marginal: Tensor | None, activity: Activity) -> Tensor:
        """T of the separable critic, from the sides' shares."""
        ends = []
        for role, hidden in zip(ROLES, (fixed, layer), strict=True):
            hidden = functional.relu(hidden + self.parameters[f"{role}.first.bias"])
            activity.head.append(hidden.unsqueeze(0))
            for depth in range(1, self.config.hidden_layers):
                hidden = functional.relu(self._linear(hidden, f"{role}.hidden{depth}"))
                activity.head.append(hidden.unsqueeze(0))
            ends.append(self._linear(hidden, f"{role}.last"))
        variable, layer = ends
        if self.config.all_pairs:
            return torch.einsum("iprk,jprk->ijpr", variable, layer)
        batch = len(variable)
        other = layer[batch:] if marginal is None else layer.index_select(0, marginal)
        return torch.stack([torch.linalg.vecdot(variable, own) for own in (layer[:batch], other)])

    def _by_layer(self, by_variable: list[Tensor]) -> Tensor:
        """The variables' shares, each (batch, its pairs, replicates, units), in the order of `pairs`."""
        if self.pairs == tuple(f"{v};{layer}" for layer in self.layers for v in self.variables):
            return torch.stack(by_variable, dim=2).flatten(1, 2)  # all pairs, as usual: one copy
        return torch.cat(by_variable, dim=1).index_select(1, self._variable_order)

    def _variable(self, name: str, variables: dict[str, Tensor], activity: Activity) -> Tensor:
        if name == "X":
            of_pairs = dict.fromkeys(self.sides[pair][0] for pair in self.pairs if pair.startswith("X"))
            shares = [self._project(side, variables[side], activity) for side in of_pairs]
            return shares[0] if len(shares) == 1 else torch.cat(shares, dim=1)
        values = variables["Y"]
        # One-hot labels take as many values as there are classes: project those rows once, and look the batch up.
        if self._looks_up:
            return self._project("Y", self._labels, activity).index_select(0, values)
        return self._project("Y", self._labels.index_select(0, values), activity)

    def _project(self, side: str, values: Tensor, activity: Activity) -> Tensor:
        """A side's share of the head's first pre-activation, (rows, pairs of the side, replicates, units)."""
        weight = self.parameters[f"first.{side}.weight"]
        pairs, replicates, units, width = weight.shape
        fits, rows = pairs * replicates, len(values)
        if self._is_convolved(side):
            features = self._convolve(side, values, fits)
        elif self._has_branch:
            dense, bias = (self.parameters[f"branch.{side}.{name}"] for name in ("weight", "bias"))
            flat = functional.linear(values, dense.flatten(0, 2), bias.flatten())
            features = functional.relu(flat).view(rows, fits, -1).transpose(0, 1)
            activity.branches[side] = features
        else:
            plain = self.config.architecture == 1 or self.config.redraws_front
            shared = values if plain else functional.relu(values)
            # Weights first: with few columns a quarter faster than the same product the other way round.
            return torch.mm(weight.flatten(0, 2), shared.t()).t().view(rows, pairs, replicates, units)
        product = torch.bmm(features, weight.view(fits, units, width).transpose(1, 2))
        return product.transpose(0, 1).reshape(rows, pairs, replicates, units)

    def _convolve(self, side: str, values: Tensor, fits: int) -> Tensor:
        """The sides's convolution, all fits' filters in one call: (fits, rows, channels x height x width)."""
        kernels, bias = (self.parameters[f"convolution.{side}.{name}"] for name in ("weight", "bias"))
        images = values.view(-1, *self.shapes[side])
        maps = functional.conv2d(images, kernels.flatten(0, 2), bias.flatten(), padding="same")
        return maps.view(len(values), fits, -1).transpose(0, 1)

    def per_fit(self, tensors: dict[str, Tensor]) -> Tensor:
        """Sum of squares of parameter-like tensors over each fit, shape (pairs, replicates)."""
        total = torch.zeros(len(self.pairs), self.config.replicates, device=self.device, dtype=self.dtype)
        for name, tensor in tensors.items():
            squares = tensor.square().flatten(2).sum(2) if tensor.dim() > 2 else tensor.square()
            total.index_add_(0, self.rows(self.pairs_with(name)), squares)
        return total

    def clip_gradients(self, most: float) -> None:
        """Cut each fit's gradient to this Euclidean norm."""
        gradients = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        factor = (most / self.per_fit(gradients).sqrt()).clamp(max=1)
        for name, gradient in gradients.items():
            of_fits = factor[self.rows(self.pairs_with(name))]
            gradient.mul_(of_fits.view(*of_fits.shape, *(1,) * (gradient.dim() - 2)))

    def state(self) -> dict[str, Tensor]:
        """Copies of all parameters, for a checkpoint or the next run."""
        return {name: tensor.detach().clone() for name, tensor in self.parameters.items()}

    @torch.no_grad()
    def load(self, state: dict[str, Tensor], keep: Tensor | None = None) -> None:
        """Take parameters from `state`, for the fits that `keep` marks, (pairs, replicates); None: all."""
        marked = None if keep is None else keep.to(self.device)
        for name, tensor in self.parameters.items():
            if marked is None:
                tensor.copy_(state[name])
                continue
            mask = marked[self.rows(self.pairs_with(name))].view(*tensor.shape[:2], *(1,) * (tensor.dim() - 2))
            tensor.copy_(torch.where(mask, state[name].to(tensor.device), tensor))
