"""What a system declares about itself, as literals: its paper, its variants, the kinds of its options.

`daedal list`, `--help` and the command line read these from the source by `ast`, without importing torch,
so every argument of `Paper`, `Variant` and `Recipe` in a system's file is a literal, and every
option of a system's `__init__` and `draw` is keyword-only, annotated with one of the names below (or
`bool`, `str`, `Literal[...]`, a `| None` of these, `tuple[PositiveInt, ...]`), with a literal default.
A default of `None` means "chosen by the space"; the constructor resolves it and stores the result in
an attribute of the option's name, so `system.options` can be read back, as in scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt

PositiveInt = Annotated[int, Ge(1)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]  # floats are finite, always
NonNegativeFloat = Annotated[float, Ge(0)]
MOST_THREADS = 1024  # the system kills a process that starts very many
Threads = Annotated[int, Ge(1), Le(MOST_THREADS)]
Seed = Annotated[int, Ge(0), Lt(2**63)]  # what 8 bytes hold with a sign
Fraction = Annotated[float, Ge(0), Lt(1)]  # [0, 1): a dropout rate, a decay
Probability = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True)
class Recipe:
    """How a system is trained unless told otherwise: total batch size, rounds, peak learning rate.

    A budget in seconds buys at most `epochs` passes over the data (or `steps`, if that is more): from there on the
    system would learn a small set by heart. None: it does not, or has not been seen to.
    """

    batch_size: int = 128
    steps: int = 2000
    rate: float = 1e-3
    epochs: int | None = None


@dataclass(frozen=True)
class Paper:
    """A published system: how to cite it, and the configuration that it reports.

    `space` is the data space of the reported run (the arguments of `Images` or `Vectors`, with the class name
    under "space"), `options` the constructor's options there, `recipe` its training.
    """

    title: str
    authors: str  # "Kingma, D. P. and Welling, M."
    year: int
    venue: str = ""
    arxiv: str = ""
    space: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Recipe = Recipe()


@dataclass(frozen=True)
class Variant:
    """A documented name for a system with other defaults: `variants = {"beta-vae": Variant(options, paper)}`."""

    options: Mapping[str, Any]
    paper: Paper
