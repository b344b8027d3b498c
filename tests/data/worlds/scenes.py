"""Small random scenes for the tests of the renderer, in float64; `scene.to(torch.float32)` for the other dtype."""

from dataclasses import replace

import torch

from daedal.data.worlds.scene import (
    BOX,
    CAPSULE,
    CONE,
    ELLIPSOID,
    PLANE,
    TEXTURES,
    Builder,
    Camera,
    Light,
    Scene,
    Weather,
)
from daedal.data.worlds.vectors import product, rotation

F64 = torch.float64
SOLIDS = (BOX, ELLIPSOID, CONE, CAPSULE)


class Random:
    """Seeded float64 numbers for n pictures."""

    def __init__(self, n, seed):
        self.n, self.generator = n, torch.Generator().manual_seed(seed)

    def uniform(self, low, high, *shape):
        return low + (high - low) * torch.rand(self.n, *shape, generator=self.generator, dtype=F64)

    def rotation(self):
        return rotation(*(self.uniform(-3.14, 3.14) for _ in range(3)))

    def axes(self, low=0.2, high=0.9):
        """Rotated, scaled and sheared."""
        sheared = self.rotation() * self.uniform(low, high, 3)[:, None]
        return product(sheared, torch.eye(3, dtype=F64) + self.uniform(-0.2, 0.2, 3, 3))

    def clip(self):
        normal = self.uniform(-1, 1, 3)
        return torch.cat([normal / normal.norm(dim=1, keepdim=True), self.uniform(-0.3, 0.6, 1)], 1)


def vector(n, *parts):
    """(n, len(parts)) of the same numbers."""
    return torch.tensor(parts, dtype=F64).expand(n, len(parts)).contiguous()


def light(n, **given):
    """A sun high in the right and no other light, before a black sky; `given` replaces parts."""
    sun = vector(n, 0.48, 0.8, 0.36)
    black, zero, none = vector(n, 0, 0, 0), torch.zeros(n, dtype=F64), torch.zeros(n, 0, dtype=F64)
    lamps = (none[..., None].expand(n, 0, 3), none[..., None].expand(n, 0, 3), none)
    nothing = Light(sun, vector(n, 1, 1, 1), zero, black, black, *lamps, zero, black, black, black, zero)
    return replace(nothing, **given)


def weather(n, **given):
    """White, and nothing of it; `given` replaces parts."""
    zero, white = torch.zeros(n, dtype=F64), vector(n, 1, 1, 1)
    phase = torch.linspace(0, 0.9, n, dtype=F64)
    nothing = Weather(zero, zero, white, zero, phase, zero, zero, white, 0 * white, zero)
    return replace(nothing, **given)


def full_weather(n, seed=0):
    """All of it, other in every picture; some have no rain, some no snow, some neither."""
    r = Random(n, seed)
    amounts = {name: (r.uniform(-0.5, 1)).clamp(min=0) for name in ("rain", "snow", "cloud", "wet")}
    colours = {name: r.uniform(0.3, 1, 3) for name in ("colour", "cloud_colour", "halo")}
    return weather(n, wind=r.uniform(-0.4, 0.4), moment=r.uniform(0, 8), **amounts, **colours)


def full_light(n, seed=0):
    """Soft sun, sky, two lamps and fog, other in every picture."""
    r = Random(n, seed)
    sun = r.uniform(0.1, 1, 3)
    colours = {name: r.uniform(0, 1, 3) for name in ("sun_colour", "sky", "ground", "fog_colour", "low", "high")}
    return light(
        n,
        sun=sun / sun.norm(dim=1, keepdim=True),
        sun_width=r.uniform(0.02, 0.3),
        lamp=r.uniform(-3, 3, 2, 3),
        lamp_colour=r.uniform(0, 1, 2, 3),
        lamp_reach=r.uniform(0.5, 3, 2),
        fog=r.uniform(0, 0.1),
        studio=(r.uniform(0, 1) < 0.3).to(F64),
        **colours,
    )


def random_camera(r, low=4.0, high=7.0):
    """Around the origin, looking near it, rolled."""
    position = r.uniform(-1, 1, 3)
    position = position / position.norm(dim=1, keepdim=True) * r.uniform(low, high, 1)
    camera = Camera.looking(position, r.uniform(-0.7, 0.7, 3), r.uniform(1.2, 3))
    zero = torch.zeros(r.n, dtype=F64)
    return replace(camera, turn=product(rotation(zero, zero, r.uniform(-3, 3)), camera.turn))


def add_random(builder, r, kind, low=0.2, high=0.9, clips=0, spread=1.5, **given):
    """One body of a kind, at random."""
    shape = r.uniform(0.0, 1.5) if kind in (CONE, CAPSULE) else 0.0
    if kind == PLANE:
        origin, axes = r.uniform(-2.5, -2, 3), r.axes()
    else:
        origin, axes = r.uniform(-spread, spread, 3), r.axes(low, high)
    given = {"colour": r.uniform(0, 1, 3), "second": r.uniform(0, 1, 3)} | given
    clips = [r.clip() for _ in range(clips)]
    return builder.add(kind, origin, axes, shape=shape, clips=clips, **given)


def random_scene(n, seed, kinds, clips=0, camera=None, lights=None, **given):
    """n pictures with one body of each of the kinds: stencil is its kind, instance its number from 1."""
    r, builder = Random(n, seed), Builder(n, dtype=F64)
    for i, kind in enumerate(kinds):
        cuts = 0 if kind == CAPSULE else clips
        add_random(builder, r, kind, clips=cuts, spread=0.3 * len(kinds), stencil=kind, instance=i + 1, **given)
    camera = random_camera(r) if camera is None else camera
    return Scene(camera, light(n) if lights is None else lights, builder.bodies(), torch.ones(n, dtype=F64))


def rich_scene(n, seed):
    """All kinds, textures and lights, clips, blends, glow and gloss; some bodies absent in some pictures."""
    r, builder = Random(n, seed), Builder(n, dtype=F64)
    for i, texture in enumerate(TEXTURES):
        kind = (PLANE, ELLIPSOID, BOX, CONE, CAPSULE)[i % 5]
        where = None if i < 5 else r.uniform(0, 1) < 0.7
        options = {"texture": texture, "scale": r.uniform(1, 5, 3), "glow": r.uniform(0, 0.3), "where": where}
        options |= {"gloss": r.uniform(0, 1), "blend": i - 1 if i > 1 else -1, "blend_width": 0.3}
        add_random(builder, r, kind, clips=int(kind == ELLIPSOID), stencil=kind, instance=i + 1, **options)
    return Scene(random_camera(r), full_light(n, seed), builder.bodies(), r.uniform(0.3, 1.2))


def wild_scene(n, seed, count=24):
    """Bodies from far below a pixel to many metres, before, around and behind cameras in their midst; some absent."""
    r, builder = Random(n, seed), Builder(n, dtype=F64)
    for i in range(count):
        kind = (ELLIPSOID, BOX, CONE, CAPSULE)[i % 4]
        size = 10 ** r.uniform(-3.5, 0.7, 1)
        shape = 10 ** r.uniform(-1, 1.5) if kind == CAPSULE else r.uniform(0, 3)
        clips = [r.clip()] if i % 8 > 4 and kind != CAPSULE else []
        axes = r.axes() * size[:, None]
        where = r.uniform(0, 1) < 0.8
        builder.add(kind, r.uniform(-4, 4, 3), axes, shape=shape, clips=clips, colour=(1, 1, 1), stencil=kind,
                    instance=i + 1, where=where)  # fmt: skip
    add_random(builder, r, PLANE, stencil=PLANE, instance=count + 1, where=r.uniform(0, 1) < 0.3)
    return Scene(random_camera(r, 0.5, 4), full_light(n, seed), builder.bodies(), torch.ones(n, dtype=F64))


def camera_at(n, position, at, focal=2.0):
    """The same camera for all pictures."""
    return Camera.looking(vector(n, *position), vector(n, *at), torch.full((n,), focal, dtype=F64))


def centres(height, width):
    """u and v (h, w) of the pixels' centres, float64."""
    rows, columns = torch.arange(height, dtype=F64)[:, None], torch.arange(width, dtype=F64)
    u, v = (2 * columns + 1 - width) / height, (height - 1 - 2 * rows) / height
    return u.expand(height, width), v.expand(height, width)
