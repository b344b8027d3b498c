"""A tiny world for tests of what is written: a head that may wear a hat, beside a ball that moves."""

import torch

from daedal.data.worlds.scene import ELLIPSOID, Builder, Camera, Light, Scene
from daedal.data.worlds.world import Factor, World


class Blobs(World):
    name = "blobs"
    factors = (
        Factor("width", "half the head's width, metres", 0.5, 0.9),
        Factor("hat", "what it wears", choices=("none", "flat", "tall")),
        Factor("skin", "colour", size=3),
        Factor("saturation", "of the colours", geometry=False),
    )
    stencil = ("behind", "head", "hat", "ball")

    def scene(self, values, moment=None):
        n = len(values["width"])
        builder = Builder(n)
        width, height = values["width"], torch.where(values["hat"] == 2, 0.5, 0.15)
        builder.add(ELLIPSOID, (0, 0, 0), (width, 0.8, width), colour=values["skin"], stencil=1, instance=1)
        hat = {"colour": (0.8, 0.1, 0.1), "stencil": 2, "instance": 1, "where": values["hat"] > 0}
        builder.add(ELLIPSOID, (0, 0.75, 0), (0.6, height, 0.6), **hat)
        x = torch.zeros(n) if moment is None else moment
        builder.add(ELLIPSOID, (x - 1, -0.8, 0.8), (0.25, 0.25, 0.25), colour=(0.1, 0.2, 0.9), stencil=3, instance=2)
        return Scene(camera(n), light(n), builder.bodies(), values["saturation"])

    def caption(self, values):
        return [f"A head with {('no', 'a flat', 'a tall')[k]} hat." for k in values["hat"].tolist()]

    def points(self, values, moment=None):
        return {"nose": torch.tensor([[0.0, 0.0, 0.7]]).repeat(len(values["width"]), 1)}


def camera(n):
    return Camera.looking(torch.tensor([[0.0, 0.0, 6.0]]).repeat(n, 1), torch.zeros(n, 3), torch.full((n,), 4.0))


def light(n):
    def every(*numbers):
        return torch.tensor(numbers).repeat(n, 1)

    none = torch.zeros(n, 0)
    return Light(
        sun=every(0.6, 0.64, 0.48), sun_colour=every(0.8, 0.8, 0.8), sun_width=torch.zeros(n), sky=every(0.3, 0.3, 0.4),
        ground=every(0.2, 0.2, 0.1), lamp=torch.zeros(n, 0, 3), lamp_colour=torch.zeros(n, 0, 3), lamp_reach=none,
        fog=torch.zeros(n), fog_colour=every(0.0, 0.0, 0.0), low=every(0.6, 0.7, 0.8), high=every(0.2, 0.4, 0.8),
        studio=torch.ones(n),
    )  # fmt: skip
