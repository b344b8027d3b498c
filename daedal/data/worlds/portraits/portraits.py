"""The world `portraits`: a parametric head and shoulders before a backdrop, with independent, named factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, final

import torch
from torch import Tensor

from daedal.data.worlds.figure import Figure, row, vector
from daedal.data.worlds.portraits import glasses, hair, palette, words
from daedal.data.worlds.portraits.anatomy import anatomy
from daedal.data.worlds.portraits.face import (
    DEGREE,
    add_brows,
    add_eyes,
    add_mouth,
    add_wrinkles,
    eye_centres,
    gaze,
    lip_line,
)
from daedal.data.worlds.portraits.head import CLASSES, add_bust, add_head
from daedal.data.worlds.portraits.motion import moved
from daedal.data.worlds.portraits.rig import add_rig
from daedal.data.worlds.scene import Builder, Camera, Light, Scene
from daedal.data.worlds.vectors import apply, rotation
from daedal.data.worlds.world import Factor, World

PIVOT = (0.0, -0.085, -0.020)  # where the neck turns, metres
BODY = tuple(name for name in CLASSES if name != "background")


@final
class Portraits(World):
    """Heads and shoulders of invented people."""

    name: ClassVar[str] = "portraits"
    stencil: ClassVar[tuple[str, ...]] = CLASSES
    factors: ClassVar[tuple[Factor, ...]] = (
        Factor(
            "identity",
            "shape: head width, head length, jaw width, eye distance, eye size, nose size, mouth width, brow height",
            -1,
            1,
            size=8,
        ),
        Factor(
            "skin", "skin colour from light (0) to dark (1)", region=("skin", "hair", "mouth", "beard"), geometry=False
        ),
        Factor("hair_length", "from cropped (0) to over the shoulders (1); of a bun or mohawk its size"),
        Factor(
            "hair_colour",
            "black, dark brown, brown, red, blond at 0, 1/4 ... 1",
            region=("hair", "brows", "beard"),
            geometry=False,
        ),
        Factor("hair_style", "how the hair is worn", choices=hair.STYLES),
        Factor("glasses", "none or the shape of the glasses", choices=glasses.SHAPES, region=("glasses",)),
        Factor("beard", "none (0), stubble, to a full beard (1)"),
        Factor("smile", "from a frown (-1) to a smile (1)", -1, 1),
        Factor("mouth_open", "closed (0) to wide open (1)"),
        Factor("age", "young (0) to old (1): wrinkles, sagging, and grey in hair, beard and brows"),
        Factor("masculinity", "feminine (0) to masculine (1): jaw, brows, neck, shoulders, lips, lashes"),
        Factor("yaw", "degrees that the head is turned to the picture's right", -40, 40),
        Factor("pitch", "degrees that the head looks up", -20, 20),
        Factor("roll", "degrees that the head leans to the picture's right", -20, 20),
        Factor("light", "degrees that the light comes from the picture's right", -60, 60, region=BODY, geometry=False),
        Factor(
            "saturation", "of the picture's colours: grey (0), as they are (1), strong (1.5)", 0, 1.5, geometry=False
        ),
        Factor(
            "background",
            "colour of the backdrop",
            choices=tuple(palette.BACKDROPS),
            region=("background",),
            geometry=False,
        ),
        Factor(
            "clothes",
            "colour of the clothes: navy, blue, teal, mustard, cream at 0, 1/4 ... 1",
            region=("clothes",),
            geometry=False,
        ),
    )

    usual: ClassVar[Mapping[str, float | str]] = {
        "skin": 0.25, "hair_length": 0.45, "hair_colour": 0.4, "hair_style": "parted", "beard": 0, "mouth_open": 0,
        "age": 0.2, "smile": 0.3, "light": -30, "saturation": 1, "background": "blue", "clothes": 0.3,
    }  # fmt: skip

    domains: ClassVar[Mapping[str, str]] = {
        "bare": "glasses=none", "glasses": "glasses=round", "young": "age=0..0.25", "old": "age=0.75..1",
        "shaven": "beard=0", "bearded": "beard=0.8..1", "sad": "smile=-1..-0.5", "happy": "smile=0.5..1",
        "grey": "saturation=0", "colour": "saturation=1",
    }  # fmt: skip
    edits: ClassVar[Mapping[str, str]] = {
        "put on round glasses": "glasses=round", "put on square glasses": "glasses=square",
        "take off the glasses": "glasses=none", "shave the beard": "beard=0", "grow a full beard": "beard=1",
        "make them smile": "smile=1", "make them frown": "smile=-1", "open the mouth": "mouth_open=1",
        "make the hair blond": "hair_colour=1", "make the hair black": "hair_colour=0",
        "let the hair grow long": "hair_length=1", "make them young": "age=0", "make them old": "age=1",
        "turn the backdrop red": "background=red",
    }  # fmt: skip

    def scene(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> Scene:
        """The scenes of these values; in a clip the head turns, and the mouth talks, from the still onwards."""
        values = moved(values, moment)
        a = anatomy(values)
        head, bust = figures(values)
        host = add_head(head, a, values)
        add_eyes(head, a, values, host)
        add_brows(head, a, values)
        add_mouth(head, a, values)
        add_wrinkles(head, a, values, host)
        hair.add_hair(head, a, values)
        hair.add_beard(head, a, values)
        glasses.add_glasses(head, a, values["glasses"])
        add_bust(bust, values)
        return Scene(camera(values), light(values), head.builder.bodies(), values["saturation"])

    def points(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> dict[str, Tensor]:
        """Landmarks in the world; left and right are the picture's."""
        values = moved(values, moment)
        a, (head, _) = anatomy(values), figures(values)
        radius, sides = a.eye_radius, row(a.eye_x, -1, 1)
        eyes = eye_centres(a) + apply(gaze(values), vector(0.0, 0.0, 1.05 * radius))
        pairs = {
            "eye": eyes,
            "eye_outer": a.skin(sides * (a.eye_x + 0.85 * radius), a.eye_y),
            "eye_inner": a.skin(sides * (a.eye_x - 0.85 * radius), a.eye_y),
            "mouth_corner": lip_line(a, sides, 0),
            "ear": vector(sides * (a.skull.half[..., 0] + 0.010), -0.008, -0.010),
        }
        found = {
            f"{word}_{name}": pair[:, [k]] for name, pair in pairs.items() for k, word in enumerate(("left", "right"))
        }
        found["nose_tip"] = vector(0.0, a.nose_y, a.nose_z + 0.002)
        found["chin"] = a.chin.centre + a.chin.half * row(radius, 0, -0.6, 0.8)
        return {name: head.place(point)[:, 0] for name, point in found.items()}

    def caption(self, values: Mapping[str, Tensor]) -> list[str]:
        """One sentence each, which `words.parse` reads."""
        return [words.sentence(fact) for fact in words.facts(values)]

    def rig(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> Scene:
        """What drives a portrait, in flat colours: the head's shape and pose, mouth, eyes and gaze; nothing else."""
        values = moved(values, moment)
        a, (head, bust) = anatomy(values), figures(values)
        add_rig(head, bust, a, values)
        zero = 0 * values["yaw"]
        dark, bright = vector(zero, 0, 0), vector(zero + 1, 1, 1)
        flat = replace(light(values), sun_colour=dark, sky=bright, ground=bright, low=dark, high=dark)
        return Scene(camera(values), flat, head.builder.bodies(), zero + 1)


def figures(values: Mapping[str, Tensor]) -> tuple[Figure, Figure]:
    """The turned head and the bust of one builder."""
    yaw, pitch, roll = (DEGREE * values[name] for name in ("yaw", "pitch", "roll"))
    builder = Builder(len(yaw), device=yaw.device, dtype=yaw.dtype)
    pivot, zero = builder.vector(PIVOT), 0 * yaw
    turned, still = rotation(yaw, -pitch, -roll), rotation(zero, zero, zero)
    return Figure(builder, turned, pivot), Figure(builder, still, pivot)


def camera(values: Mapping[str, Tensor]) -> Camera:
    """At 1.3 m, on a level with the face."""
    zero = 0 * values["yaw"]
    return Camera.looking(vector(zero, -0.001, 1.3), vector(zero, -0.005, 0), zero + 1.3 / 0.152)


def light(values: Mapping[str, Tensor]) -> Light:
    """A soft key light from the side that the factor names, and a fill from above and below."""
    azimuth = DEGREE * values["light"]
    zero = 0 * azimuth
    sun = vector(0.88 * azimuth.sin(), 0.475, 0.88 * azimuth.cos())
    low, high = backdrop(values)
    none = torch.zeros(len(zero), 0, dtype=zero.dtype, device=zero.device)
    return Light(
        sun=sun, sun_colour=vector(zero + 0.88, 0.83, 0.76), sun_width=zero + 0.10,
        sky=vector(zero + 0.30, 0.33, 0.38), ground=vector(zero + 0.17, 0.15, 0.14),
        lamp=none[:, :, None].expand(-1, -1, 3), lamp_colour=none[:, :, None].expand(-1, -1, 3), lamp_reach=none,
        fog=zero, fog_colour=vector(zero, 0, 0), low=low, high=high, studio=zero + 1,
    )  # fmt: skip


def backdrop(values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Colours at the lower and the upper border."""
    table = torch.tensor(list(palette.BACKDROPS.values()), dtype=values["yaw"].dtype, device=values["yaw"].device)
    chosen = table[values["background"]]
    return chosen[:, 0] * chosen[:, 0], chosen[:, 1] * chosen[:, 1]
