"""Domains: what a translation goes from and to, read from words, and their pictures.

A domain is a name of the world's (`night`), factors that are set (`hour=23`, a range `age=0..0.2`), an output in place
of colour (`stencil`), or several of these with commas: `night,weather=Foggy`. Of two words about one factor the later
holds. A scene has a picture in each of two domains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from daedal.data.worlds.colours import depth_colours, normal_colours, stencil_colours
from daedal.data.worlds.keyed import BITS
from daedal.data.worlds.render import render
from daedal.data.worlds.settings import Setting, parse_settings, with_settings
from daedal.data.worlds.world import PLACE, Values, World
from daedal.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from daedal.data.worlds.simulator import Simulator

NAMES = ("a", "b")  # of a pair, as fields


OUTPUTS = {  # what is rendered for each, and how that is a picture
    "rgb": ("rgb", lambda rgb, values: rgb),
    "stencil": ("stencil", lambda stencil, values: stencil_colours(stencil)),
    "depth": ("depth", lambda depth, values: depth_colours(depth)),
    "normal": ("normal", lambda normal, values: normal_colours(normal)),
    "rig": ("rgb", lambda rgb, values: rgb),
    "painting": ("rgb", lambda rgb, values: _painted(rgb, values)),
}


def _painted(rgb: Tensor, values: Values) -> Tensor:
    from daedal.data.worlds.painting import painted

    return painted(rgb, (values[PLACE] * (1 << BITS)).long())


@dataclass(frozen=True)
class Domain:
    """One side of a translation: factors that are set, and the output that is its picture."""

    name: str = "rgb"  # as it was typed
    settings: Mapping[str, Setting] = field(default_factory=dict)
    output: str = "rgb"

    def values(self, values: Values) -> Values:
        """Drawn values as they are in this domain."""
        return with_settings(values, self.settings)

    def picture(self, of: Simulator, values: Values, frame: int | None = None) -> Tensor:
        """Pictures (n, 3, h, w) in [0, 1] of values that are set already; of clips in a frame."""
        make = of.world.rig if self.output == "rig" else of.world.scene  # type: ignore[attr-defined]
        output, coloured = OUTPUTS[self.output]
        shadows = of.shadows and self.output != "rig"
        seen = render(make(values, of.moment(values, frame)), *of.size, [output], shadows=shadows)[output]
        return coloured(seen, values)


def outputs(world: World) -> list[str]:
    """The outputs that a world has."""
    return [name for name in OUTPUTS if name != "rig" or hasattr(world, "rig")]


def parse_domain(world: World, text: str) -> Domain:
    """The domain of some words. Raises UsageError that lists what there is."""
    words = [word.strip() for word in text.split(",")]
    words = [part.strip() for word in words for part in world.domains.get(word, word).split(",")]
    found = [word for word in words if "=" not in word]
    for word in found:
        _check_output(world, word)
    if len(set(found)) > 1:
        raise UsageError(f"'{text}' asks for the outputs {' and '.join(found)} at once; a domain has one of them.")
    settings = parse_settings(world, [word for word in words if "=" in word])
    return Domain(text, settings, found[-1] if found else "rgb")


def parse_pair(world: World, texts: Sequence[str]) -> tuple[Domain, Domain]:
    """Two domains. One text names both with a comma between; of two, each may have commas. Raises UsageError."""
    words = [word.strip() for text in texts for word in text.split(",")] if len(texts) == 1 else list(texts)
    if len(words) != 2:
        once = ", with commas only between the two, or each by itself" if len(texts) == 1 < len(words) else ""
        raise UsageError(
            f"'domains' must be two, such as {_example(world)}{once}; got {len(words)}: {', '.join(words)}."
        )
    first, second = (parse_domain(world, word) for word in words)
    if (first.settings, first.output) == (second.settings, second.output):
        same = f"'{first.name}' twice" if first.name == second.name else f"'{first.name}' and '{second.name}'"
        raise UsageError(
            f"'domains' must be two that differ, such as {_example(world)}; got {same}, which are the same."
        )
    return first, second


def _check_output(world: World, word: str) -> None:
    if word in outputs(world):
        return
    names, able = list(world.domains), outputs(world)
    named = f"its own ({', '.join(names)}), " if names else ""
    raise UsageError(
        f"'{word}' is no domain of {world.name}; a domain is {named}factor=value, or an output ({', '.join(able)})."
        f"{did_you_mean(word, [*names, *able])}"
    )


def _example(world: World) -> str:
    names = list(world.domains)
    return f"{names[0]},{names[1]}" if len(names) > 1 else "stencil,rgb"
