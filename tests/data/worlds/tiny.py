"""A small world for tests of worlds as data: two ellipsoids, one perhaps with a hat, that turn in clips."""

import torch

from daedal.data.worlds.scene import BOX, ELLIPSOID, Builder, Camera, Light, Scene
from daedal.data.worlds.world import Factor, World


class Tiny(World):
    name = "tiny"
    factors = (
        Factor("size", "radius of the ball", 0.3, 0.9),
        Factor("shade", "brightness of the ball", 0.1, 0.9),
        Factor("shift", "where the ball is", -0.3, 0.3, size=2),
        Factor("hat", "whether it has a hat", choices=("no", "yes")),
        Factor("tint", "its colour", choices=("red", "green", "blue")),
    )
    stencil = ("nothing", "ball", "hat")

    def scene(self, values, moment=None):
        n = len(values["size"])
        time = torch.zeros(n) if moment is None else moment
        zero, x, y = torch.zeros(n), values["shift"][:, 0] + 0.5 * time, values["shift"][:, 1]
        colour = torch.eye(3)[values["tint"]] * values["shade"][:, None] + 0.05
        builder = Builder(n)
        builder.add(ELLIPSOID, (x, y, zero), (values["size"],) * 3, colour=colour, stencil=1, instance=1)
        above = y + values["size"]
        builder.add(BOX, (x, above, zero), (0.4, 0.1, 0.4), colour=(0.2, 0.2, 0.2), stencil=2, where=values["hat"] == 1)
        return Scene(_camera(n), _light(n), builder.bodies(), torch.ones(n))

    def caption(self, values):
        hats = ["A {} ball.", "A {} ball, with a hat."]
        rows = zip(values["tint"].tolist(), values["hat"].tolist(), strict=True)
        return [hats[hat].format(self.factor("tint").choices[tint]) for tint, hat in rows]

    def points(self, values, moment=None):
        n = len(values["size"])
        time = torch.zeros(n) if moment is None else moment
        centre = torch.stack([values["shift"][:, 0] + 0.5 * time, values["shift"][:, 1], torch.zeros(n)], 1)
        return {"centre": centre, "top": centre + torch.stack([torch.zeros(n), values["size"], torch.zeros(n)], 1)}


def _row(n, *numbers):
    return torch.tensor(numbers).expand(n, len(numbers)).contiguous()


def _camera(n):
    return Camera.looking(_row(n, 0.0, 0.0, 4.0), torch.zeros(n, 3), torch.full((n,), 2.5))


def _light(n):
    lamps = {"lamp": torch.zeros(n, 0, 3), "lamp_colour": torch.zeros(n, 0, 3), "lamp_reach": torch.zeros(n, 0)}
    sky = {"low": _row(n, 0.7, 0.8, 0.9), "high": _row(n, 0.2, 0.4, 0.8), "studio": torch.ones(n)}
    sun = {"sun": _row(n, 0.6, 0.64, 0.48), "sun_colour": _row(n, 0.9, 0.85, 0.8), "sun_width": torch.zeros(n)}
    air = {"fog": torch.zeros(n), "fog_colour": _row(n, 0.6, 0.65, 0.7)}
    return Light(sky=_row(n, 0.3, 0.35, 0.45), ground=_row(n, 0.15, 0.12, 0.1), **sun, **lamps, **sky, **air)
