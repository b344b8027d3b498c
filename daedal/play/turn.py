"""What a round yields: a loss for one player, a statistic for the state, or the word that it has converged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

Gradient = Sequence[Tensor | None]  # one a parameter of the player, None where the loss does not depend on it
Combine = Callable[..., Gradient]  # as many gradients in as the turn has losses, one out


@dataclass(frozen=True)
class Batch:
    """What a round receives: the items modelled, (n, *x), and what they are conditioned on."""

    x: Tensor
    given: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.x.shape[0]


@dataclass(frozen=True)
class Turn:
    """One loss handed to one player, who alone moves by it.

    A player that follows a function of several gradients gives several losses and `combine`, which maps their
    gradients, averaged over micro-batches and ranks, to the one it follows. `scalars` are logged under the
    player's name, as their mean over micro-batches and ranks.
    """

    player: str
    loss: Tensor | tuple[Tensor, ...]
    combine: Combine | None = None
    scalars: Mapping[str, Tensor | float] = field(default_factory=dict)


class Tell:
    """State that changes without a gradient: `call(**statistics)` once, after averaging over micro-batches
    and ranks. Send sums, never ratios: what is averaged must be linear in the data.
    """

    def __init__(self, call: Callable[..., None], **statistics: Tensor | float):
        self.call, self.statistics = call, statistics


class Done:
    """Ends the stage: it has converged."""


Yielded = Turn | Sequence[Turn] | Tell | Done
