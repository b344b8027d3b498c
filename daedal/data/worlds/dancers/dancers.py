"""The world `dancers`: an articulated figure dances on a stage; who it is and what it does vary independently.

For motion transfer: C. Chan and others, Everybody Dance Now, ICCV 2019 (arXiv 1808.07371).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, final

import torch
from torch import Tensor

from daedal.data.worlds.dancers import rig, transfer, words
from daedal.data.worlds.dancers.body import CLASSES, Body, add_body
from daedal.data.worlds.dancers.clothes import CLOTHES, COLOURS, HAIR_STYLES, Wardrobe
from daedal.data.worlds.dancers.dances import DANCES
from daedal.data.worlds.dancers.skeleton import ACTOR, DEGREE, JOINTS, measures, pose
from daedal.data.worlds.dancers.stage import FAR, NEAR, STAGES, add_stage, camera, light
from daedal.data.worlds.figure import vector
from daedal.data.worlds.scene import Builder, Scene
from daedal.data.worlds.world import Factor, Values, World

FIGURE = ("skin", "hair", "face", "top", "trousers", "shoes")


@final
class Dancers(World):
    """Invented dancers on a stage."""

    name: ClassVar[str] = "dancers"
    stencil: ClassVar[tuple[str, ...]] = CLASSES
    factors: ClassVar[tuple[Factor, ...]] = (
        Factor("actor", f"proportions: {', '.join(ACTOR)}", -1, 1, size=len(ACTOR)),
        Factor("skin", "skin colour from light (0) to dark (1)", region=("skin",), geometry=False),
        Factor(
            "hair_colour",
            "black, dark brown, brown, red, blond at 0, 1/4 ... 1",
            region=("hair",),
            geometry=False,
        ),
        Factor("hair_style", "how the hair is worn", choices=HAIR_STYLES),
        Factor("top", "colour of the top, or jacket", choices=tuple(COLOURS), region=("top", "shoes"), geometry=False),
        Factor(
            "trousers",
            "colour of the trousers, shorts or skirt",
            choices=tuple(COLOURS),
            region=("trousers",),
            geometry=False,
        ),
        Factor("clothes", "what is worn; a jacket goes with trousers", choices=CLOTHES),
        Factor("dance", "what is danced", choices=tuple(DANCES)),
        Factor("tempo", "cycles of the dance a second, which only a clip shows", 0.3, 0.9, shown=False),
        Factor("phase", "where in the dance the still is, in cycles", cyclic=True),
        Factor("heading", "degrees that the dancer faces to the picture's right; 180: away", -180, 180, cyclic=True),
        Factor("distance", "metres from the camera", NEAR, FAR),
        Factor("light", "degrees that the key light comes from the picture's right", -60, 60, geometry=False),
        Factor("brightness", "of the light: dim (0.3) to full (1)", 0.3, 1, geometry=False),
        Factor("background", "the stage", choices=tuple(STAGES), region=("backdrop", "floor"), geometry=False),
    )
    identity: ClassVar[tuple[str, ...]] = transfer.IDENTITY
    motion: ClassVar[tuple[str, ...]] = transfer.MOTION
    limbs: ClassVar[tuple[tuple[str, str], ...]] = tuple(rig.LIMBS)
    usual: ClassVar[Mapping[str, float | str]] = {
        "skin": 0.3, "hair_colour": 0.25, "top": "red", "trousers": "blue", "dance": "jumping jack", "phase": 0.3,
        "heading": 20, "distance": 4, "light": -30, "brightness": 1,
    }  # fmt: skip
    domains: ClassVar[Mapping[str, str]] = {
        "photo": "rgb", "pose": "rig", "bright": "brightness=1", "dim": "brightness=0.35",
        "trousers": "clothes=trousers", "skirt": "clothes=skirt", "front": "heading=0", "back": "heading=180",
    }  # fmt: skip
    edits: ClassVar[Mapping[str, str]] = {
        "put on a skirt": "clothes=skirt", "put on shorts": "clothes=shorts", "put on a jacket": "clothes=jacket",
        "make the top red": "top=red", "make the top blue": "top=blue", "turn away": "heading=180",
        "face the camera": "heading=0", "dim the light": "brightness=0.35", "turn up the light": "brightness=1",
        "do the twist": "dance=twist", "do the robot": "dance=robot", "go to the theatre": "background=theatre",
        "go to the gym": "background=gym", "give them an afro": "hair_style=afro",
        "tie the hair in a bun": "hair_style=bun",
    }  # fmt: skip

    def scene(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> Scene:
        """The scenes of these values; in a clip the dance goes on from the still."""
        builder = _builder(values)
        add_stage(builder, values)
        body = Body(builder, measures(values), pose(values, moment), Wardrobe(values))
        add_body(body, values)
        return Scene(camera(values), light(values), builder.bodies(), 0 * values["light"] + 1)

    def points(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> dict[str, Tensor]:
        """The joints in the world; left and right are the dancer's own."""
        return dict(zip(JOINTS, pose(values, moment).joints.unbind(1), strict=True))

    @property
    def observable(self) -> tuple[Factor, ...]:
        """Who dances, which way, and how it is lit: not where in which dance a still is, which its joints say."""
        named = (*self.identity, "distance", "light", "brightness", "background")
        facing = Factor("facing", "sine and cosine of the heading", -1, 1, size=2)
        return (*(self.factor(name) for name in named), facing)

    def observed(self, values: Mapping[str, Tensor]) -> Values:
        """Who dances, which way, and how it is lit."""
        named = [factor.name for factor in self.observable if factor.name in values]
        heading = DEGREE * values["heading"]
        return {**{name: values[name] for name in named}, "facing": torch.stack([heading.sin(), heading.cos()], 1)}

    def caption(self, values: Mapping[str, Tensor]) -> list[str]:
        """One sentence each, which `words.parse` reads."""
        return [words.sentence(fact) for fact in words.facts(values)]

    def facts(self, values: Mapping[str, Tensor]) -> list[dict[str, str]]:
        """What the captions say."""
        return words.facts(values)

    def rig(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> Scene:
        """The stick figure before black, seen by the same camera."""
        builder = _builder(values)
        rig.add_rig(builder, pose(values, moment))
        zero = 0 * values["light"]
        dark, bright = vector(zero, 0, 0), vector(zero + 1, 1, 1)
        flat = replace(light(values), sun_colour=dark, sky=bright, ground=bright)
        return Scene(camera(values), flat, builder.bodies(), zero + 1)


def _builder(values: Mapping[str, Tensor]) -> Builder:
    like = values["light"]
    return Builder(len(like), device=like.device, dtype=like.dtype)
