"""What a decoder's outputs mean: p(x | outputs) over a space, in border form, as a choice by name.

| name | one number of x given its outputs | measure | for |
|---|---|---|---|
| `gaussian` | N(output, sigma^2), one learned sigma for all | lebesgue | all |
| `bernoulli` | white with probability sigmoid(output) | counting | 2 levels |
| `binomial` | level k of K: k of K - 1 trials, each with probability sigmoid(output) | counting | few levels |
| `logistic` | mass of the cell under a logistic around tanh(output), one learned scale | counting | many levels |
| `categorical` | softmax over the levels | counting | up to 256 levels |

The learned sigma is the sigma-VAE's (Rybkin et al. 2021, arXiv:2006.13202).
A Bernoulli over grey values has no normaliser and its nats compare with nothing, so it is refused; the
binomial has the same gradient times K - 1, and is a probability.

>>> likelihood = make_likelihood(None, Images(1, 8, 8, levels=17))
>>> likelihood.name, likelihood.measure, likelihood.outputs
('binomial', 'counting', 1)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from daedal.capabilities import Measure
from daedal.probability import distributions as P
from daedal.spaces import Images, Space

LikelihoodName = Literal["gaussian", "bernoulli", "binomial", "logistic", "categorical"]
FEW_LEVELS = 32  # a binomial of so many levels is about as wide as data are uncertain; of 256, far too narrow
MOST_LEVELS = 256
SPEED = 10.0  # Adam moves all parameters equally fast; the log of a scale has further to go than a weight


class Likelihood(nn.Module, ABC):
    """p(x | outputs). The network gives `outputs` numbers for each number of x: (n, outputs, *x)."""

    name: LikelihoodName
    measure: ClassVar[Measure]
    outputs: int = 1

    @abstractmethod
    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """log p(x | outputs): nats, (n,)."""

    @abstractmethod
    def mean(self, outputs: Tensor) -> Tensor:
        """The mean of x: (n, *x)."""

    @abstractmethod
    def sample(self, outputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw of x: (n, *x)."""


class _Gaussian(Likelihood):
    """One variance for all numbers, sigma^2 = floor^2 + exp(2 SPEED free): learned, and bounded below."""

    measure = "lebesgue"

    def __init__(self, floor: float):
        super().__init__()
        self.floor = floor
        self.free = nn.Parameter(torch.tensor(-1.0 / SPEED))  # under the data's spread, so that codes are worth it

    @property
    def log_variance(self) -> Tensor:
        """log sigma^2, a scalar."""
        return torch.logaddexp(2 * SPEED * self.free, self.free.new_tensor(2 * math.log(self.floor)))

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        return P.gaussian_log_prob(x, outputs.squeeze(1), self.log_variance).flatten(1).sum(1)

    def mean(self, outputs: Tensor) -> Tensor:
        return outputs.squeeze(1)

    def sample(self, outputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        mean = outputs.squeeze(1)
        return P.reparameterise(mean, self.log_variance.expand_as(mean), generator)


class _Binomial(Likelihood):
    """Level k of K is k successes in K - 1 trials; with two levels, a Bernoulli."""

    measure = "counting"

    def __init__(self, space: Images):
        super().__init__()
        self.space, self.trials = space, space.levels - 1

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        levels = self.space.to_levels(x)
        return P.binomial_log_prob(levels, self.trials, outputs.squeeze(1)).flatten(1).sum(1)

    def mean(self, outputs: Tensor) -> Tensor:
        return outputs.squeeze(1).sigmoid() * 2 - 1

    def sample(self, outputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        share = outputs.squeeze(1).sigmoid()
        counts = torch.binomial(torch.full_like(share, self.trials), share, generator=generator)
        return counts * self.space.cell - 1


class _Logistic(Likelihood):
    """The mass that a logistic around tanh(output) puts on each cell of the grid; one learned scale, above a floor."""

    measure = "counting"

    def __init__(self, space: Images, floor: float):
        super().__init__()
        self.space, self.floor = space, floor
        self.free = nn.Parameter(torch.tensor(-2.0 / SPEED))

    @property
    def log_scale(self) -> Tensor:
        """log of the scale, a scalar; sigma is pi / sqrt(3) times the scale."""
        return torch.logaddexp(SPEED * self.free, self.free.new_tensor(math.log(self.floor)))

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        mean = outputs.squeeze(1).tanh()
        grid = self.space.quantise(x)
        return P.logistic_cell_log_prob(grid, mean, self.log_scale, self.space.cell).flatten(1).sum(1)

    def mean(self, outputs: Tensor) -> Tensor:
        return outputs.squeeze(1).tanh()

    def sample(self, outputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        mean = outputs.squeeze(1).tanh()
        uniform = torch.rand(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return self.space.quantise(mean + torch.logit(uniform, eps=1e-7) * self.log_scale.exp())


class _Categorical(Likelihood):
    """A softmax over the levels of each number."""

    measure = "counting"

    def __init__(self, space: Images):
        super().__init__()
        self.space, self.outputs = space, space.levels

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        return P.categorical_log_prob(self.space.to_levels(x), outputs).flatten(1).sum(1)

    def mean(self, outputs: Tensor) -> Tensor:
        values = self.space.from_levels(torch.arange(self.outputs, device=outputs.device), outputs.dtype)
        return torch.einsum("nk...,k->n...", outputs.softmax(1), values)

    def sample(self, outputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        shares = outputs.softmax(1).movedim(1, -1)
        levels = torch.multinomial(shares.flatten(0, -2), 1, generator=generator).view(shares.shape[:-1])
        return self.space.from_levels(levels, outputs.dtype)


def make_likelihood(name: LikelihoodName | None, space: Space, floor: float = 1e-3) -> Likelihood:
    """The likelihood of that name over a space; None chooses by the space. Raises ValueError where they don't fit."""
    name = name or default_likelihood(space)
    _check(name, space)
    made = _make(name, space, floor)
    made.name = name
    return made


def _make(name: LikelihoodName, space: Space, floor: float) -> Likelihood:
    if name == "gaussian" or not isinstance(space, Images):
        return _Gaussian(floor)
    if name == "categorical":
        return _Categorical(space)
    return _Logistic(space, floor) if name == "logistic" else _Binomial(space)


def _check(name: LikelihoodName, space: Space) -> None:
    if name == "gaussian":
        return
    if not isinstance(space, Images):
        raise ValueError(f"'likelihood' of values that are no images must be 'gaussian'; got {name!r}.")
    if name == "bernoulli" and space.levels != 2:
        raise ValueError(
            f"'likelihood' of {space.levels} levels must not be 'bernoulli', which is a probability of 2 levels only; "
            "use 'binomial', whose gradient is the same up to a factor."
        )
    if name == "categorical" and space.levels > MOST_LEVELS:
        raise ValueError(f"'likelihood' of {space.levels} levels must not be 'categorical'; use 'logistic'.")


def default_likelihood(space: Space) -> LikelihoodName:
    """What is chosen by the space: gaussian for vectors, binomial for few levels, logistic for many."""
    if not isinstance(space, Images):
        return "gaussian"
    if space.levels == 2:
        return "bernoulli"
    return "binomial" if space.levels <= FEW_LEVELS else "logistic"
