"""Looks at what is about to be saved or logged for values that are not finite, and names them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn

from daedal.errors import TrainingError
from daedal.play.ledger import NotFinite
from daedal.play.player import is_finite


class Guard:
    """Looks at a module's state; a buffer that is infinite when training begins means it, and may stay so."""

    def __init__(self, module: nn.Module):
        self.module = module
        self.unbounded = {name for name, b in module.named_buffers() if b.isinf().any() and not b.isnan().any()}

    def check(self, averages: Mapping[str, Tensor], step: int) -> None:
        """Raise NotFinite that names the first parameter, buffer or average with a NaN or an infinity."""
        state = {f"value of '{k}'": t for k, t in self.module.state_dict().items() if k not in self.unbounded}
        state |= {f"average of '{k}'": t for k, t in averages.items()}
        if not is_finite(state.values()):
            raise NotFinite("system", next(name for name, t in state.items() if not is_finite([t])), step)


def check_samples(x: Tensor, name: str) -> None:
    """Raise TrainingError where not all of a system's samples (n, *x) are finite."""
    if bad := int((~x.reshape(len(x), -1).isfinite().all(1)).sum()):
        raise TrainingError(
            f"{bad} of {len(x)} samples of '{name}' are not finite, so its training has diverged; train it anew, "
            "with a lower --rate."
        )


def check_scalars(scalars: Mapping[str, float], step: int) -> None:
    """Raise NotFinite that names the first number that is not finite."""
    for name, value in scalars.items():
        if not math.isfinite(value):
            raise NotFinite("system", name, step)
