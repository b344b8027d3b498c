"""What all systems share whose synthesiser makes an item of noise: the noise is the code."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from daedal.capabilities import Given
from daedal.spaces import Vectors


class FromNoise:
    """`Decodes` of a system with `latent`, `synthesiser` and `standardise`."""

    @property
    def latent_space(self: Any) -> Vectors:
        """The space of the noise, which is standard normal."""
        return Vectors(self.latent)

    def decode(self: Any, z: Tensor, *, given: Given | None = None) -> Tensor:
        """What the synthesiser makes of noise z (n, latent): (n, *x)."""
        return self.standardise.inverse(self.synthesiser(z, self.prepare_given(given, len(z))))
