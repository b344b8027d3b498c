"""The verbs: what a system can do, with shapes and units. Read this file first.

A system inherits the capabilities that it has, and everything else in Daedal (evaluation, comparison,
applications, the command line) is written against them. They are nominal: a class that merely has a
method of the same name has not promised what the verb means.

Shapes: `n` items; `*x` the shape of one item of the system's space `x`. Log-probabilities are in nats.
`given` is a dict of named tensors, each of leading size n or 1 (see `daedal.spaces.check_given`).

>>> require(object(), Samples)
Traceback (most recent call last):
    ...
TypeError: 'object' cannot sample; it has no capability.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

Given = Mapping[str, Tensor]
Measure = Literal["counting", "lebesgue"]


class Samples(ABC):
    """Draws from p(x | given)."""

    @abstractmethod
    def draw(self, n: int, given: Given, generator: torch.Generator | None, **options) -> Tensor:
        """What a system implements: n items, (n, *x); runs in eval mode and inference mode.

        Keyword-only parameters that a system adds are its sampling options, and become flags.
        """

    def sample(
        self, n: int, *, given: Given | None = None, generator: torch.Generator | None = None, **options
    ) -> Tensor:
        """Draw n items: (n, *x), float32 in the range of the space (class indices for `Labels`).

        `generator`, where given, is the only source of randomness. Train or eval mode is left as found.
        Raises ValueError where `given` lacks a name or has one too many, TypeError for an unknown option.
        """
        if n < 1:
            raise ValueError(f"'n' of sample must be an integer in [1, inf); got {n}.")
        training = self.training  # type: ignore[attr-defined]
        self.eval()  # type: ignore[attr-defined]
        try:
            with torch.inference_mode():
                ready = self.prepare_given(given, n)  # type: ignore[attr-defined]
                drawn = self.draw(n, ready, generator, **self.check_options(options))  # type: ignore[attr-defined]
                drawn = self.x.clamp(drawn)  # type: ignore[attr-defined]
        finally:
            self.train(training)  # type: ignore[attr-defined]
        return drawn.clone()  # a clone made outside inference mode may enter a graph later


class Scores(ABC):
    """Knows log p(x | given), exactly or as an estimate."""

    measure: Measure = "lebesgue"
    kind: Literal["exact", "estimate"] = "exact"

    @abstractmethod
    def log_prob(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """Log-probability of x (n, *x): nats, (n,).

        `measure` says of what: `counting`, the mass of the grid value; `lebesgue`, the density, in border
        units for images ([-1, 1]) and in the user's units for vectors.
        """


class Bounds(ABC):
    """Knows a lower bound on log p(x | given), in the measure that `measure` names."""

    measure: Measure = "lebesgue"

    @abstractmethod
    def elbo(self, x: Tensor, *, given: Given | None = None, generator: torch.Generator | None = None) -> Tensor:
        """A lower bound on log p(x | given), in expectation over `generator`: nats, (n,)."""


class Encodes(ABC):
    """Maps x to a code; deterministic (a VAE: the posterior mean)."""

    @property
    @abstractmethod
    def latent_space(self):
        """The space of the code."""

    @abstractmethod
    def encode(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """The code of x (n, *x): (n, *z)."""


class Decodes(ABC):
    """Maps a code to x; deterministic (the mean where the decoder is a distribution)."""

    @abstractmethod
    def decode(self, z: Tensor, *, given: Given | None = None) -> Tensor:
        """The item of code z (n, *z): (n, *x), border form."""


class ExactInverse:
    """Marks a system whose `encode` and `decode` invert each other up to rounding."""


class Denoises(ABC):
    """Knows E[x0 | x = x0 + sigma * noise], the one convention for all diffusion models.

    The noise is standard normal in border units for images. Coordinates of vectors have units of their own, and there
    it is in standard deviations of each in the training data: x = x0 + sigma * `system.standardise.scale` * noise.
    """

    @abstractmethod
    def denoise(self, x: Tensor, sigma: Tensor, *, given: Given | None = None) -> Tensor:
        """The expected clean item of x (n, *x) at noise level sigma, (n,) or a scalar: (n, *x)."""


class Translates(ABC):
    """Maps an item of one domain to another domain."""

    @abstractmethod
    def translate(
        self,
        x: Tensor,
        *,
        to: str,
        given: Given | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The counterpart of x in the domain named `to`."""


class Classifies(ABC):
    """Knows p(class | x)."""

    @abstractmethod
    def classify(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """Log-probabilities of the classes: (n, classes)."""


VERBS: dict[type, str] = {
    Samples: "sample",
    Scores: "log_prob",
    Bounds: "elbo",
    Encodes: "encode",
    Decodes: "decode",
    Denoises: "denoise",
    Translates: "translate",
    Classifies: "classify",
}


def capabilities(model: object) -> tuple[str, ...]:
    """The verbs of a system or a system's class, in the order of `VERBS`."""
    kind = model if isinstance(model, type) else type(model)
    return tuple(verb for capability, verb in VERBS.items() if issubclass(kind, capability))


def require(model: object, *wanted: type) -> None:
    """Raise TypeError, naming what is missing and what there is, unless the model has all of `wanted`."""
    missing = [VERBS.get(c, c.__name__) for c in wanted if not isinstance(model, c)]
    if not missing:
        return
    name = getattr(model, "name", type(model).__name__)
    have = ", ".join(capabilities(model))
    has = f"it can {have}" if have else "it has no capability"
    raise TypeError(f"'{name}' cannot {' and '.join(missing)}; {has}.")
