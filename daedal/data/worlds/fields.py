"""The fields of a world's items, and how what is rendered is kept: levels, classes and numbers.

| field | space | meaning |
|---|---|---|
| `x` | `Images(3, h, w)` | the picture; of clips with `frames` |
| `label` | `Labels` | the factor that `label=` names |
| a factor's name | `Labels(k, names)` or `Vectors(size)` | its choice, or its numbers in their own unit |
| `factors` | `Vectors(d)` | all numbers of all factors, each from -1 (its lowest) to 1 (its highest) |
| `depth` | `Images(1, h, w, 65536)` | nearness 1 / (1 + metres), 0 where there is nothing: see `metres` |
| `normal` | `Images(3, h, w)` | the unit normal; within half a level of 0 where there is nothing |
| `stencil` | `Labels(classes, (h, w), names)` | the class of what is seen |
| `points` | `Vectors(2k)` | column and row of each landmark, in pixels |
| `caption` | `Labels(words, (length,), names)` | tokens of a sentence, see `daedal.data.tokens` |
| `rig` | as `x` | what drives the picture, in few flat shapes: a condition to render from; of worlds that have one |
| `after` | as `x` | the picture after an edit of the world's, exactly: see `daedal.data.worlds.edits` |
| `instruction` | as `caption` | what the edit says |
| `a`, `b` | as `x`, in its place | the picture in two domains: see `daedal.data.worlds.domains` |
| `flow` | `Images(2, h, w, 65536)`, one frame less | where each pixel goes, to the right and down: see `pixels` |
| `visible` | `Labels(2, (h, w))`, one frame less | whether its point is still seen there |
| `action` | `Labels(actions, (frames - 1,), names)` | what is done between two frames, of worlds where something acts |

In clips, `depth`, `normal`, `stencil`, `rig` and `after` have frames too, and `points` those of all frames in a row.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from daedal.data.worlds.domains import NAMES
from daedal.data.worlds.edits import instructions
from daedal.data.worlds.render import flow, project, render, to_pixels
from daedal.data.worlds.scene import Scene
from daedal.data.worlds.world import Factor, Values, World
from daedal.spaces import Images, Labels, Space, Vectors, video

if TYPE_CHECKING:
    from daedal.data.worlds.simulator import Simulator

PAIRED = ("flow", "visible", "action")  # of two frames
FINE = 65536  # levels of what is measured
MORE = ("depth", "normal", "stencil", "points", "caption", "rig", "after", "instruction", *PAIRED)
RESERVED = ("x", "a", "b", "label", "factors", *MORE)


def space_of(of: Simulator, name: str) -> Space:
    """The space of a field."""
    height, width = of.size
    frames = () if of.frames is None else (of.frames - (name in PAIRED),)
    images = {"x": Images(3, height, width), "normal": Images(3, height, width)}
    images |= dict.fromkeys(("rig", "after", *NAMES), images["x"])
    images |= {"depth": Images(1, height, width, FINE), "flow": Images(2, height, width, FINE)}
    if name in images:
        return video(images[name], *frames) if frames else images[name]
    if name in ("stencil", "visible"):
        classes = of.world.stencil if name == "stencil" else ("hidden", "visible")
        return Labels(len(classes), (*frames, height, width), classes)
    if name == "points":
        return Vectors(2 * len(of.landmarks) * (of.frames or 1))
    if name in ("caption", "instruction"):
        return (of.vocabulary if name == "caption" else of.wording).space
    if name == "action":
        return Labels(len(of.world.actions), frames, of.world.actions)
    if name == "factors":
        return Vectors(sum(factor.size for factor in numbers_of(of)))
    factor = of.world.factor(of.label if name == "label" and of.label else name)
    if factor.choices:
        return Labels(len(factor.choices), () if factor.size == 1 else (factor.size,), factor.choices)
    return Vectors(factor.size)


def numbers(world: World) -> list[Factor]:
    """The factors that are numbers and that a picture shows."""
    return [factor for factor in world.factors if factor.shown and not factor.choices]


def numbers_of(of: Simulator) -> list[Factor]:
    """Those of them that two domains have in common."""
    return [factor for factor in numbers(of.world) if factor.name not in of.differing]


def raw(of: Simulator, name: str, values: Values) -> np.ndarray:
    """A field of the items with these values, as a `Column` holds it: (n, *shape)."""
    if name in RENDERED:
        return RENDERED[name](of, values)
    if name == "caption":
        return of.vocabulary.encode(of.world.caption(values))
    if name == "instruction":
        return of.wording.encode(instructions(of.world, values))
    if name == "action":
        moments = [of.moment(values, k + 0.5) for k in range((of.frames or 1) - 1)]  # far from where one ends
        return torch.stack([of.world.action(values, moment) for moment in moments if moment is not None], 1).numpy()
    if name == "factors":
        return _places(of, values)
    value = values[of.label if name == "label" and of.label else name].numpy()
    return value if value.ndim == 2 or value.dtype == np.int64 else value[:, None]


def _places(of: Simulator, values: Values) -> np.ndarray:
    parts = []
    for factor in numbers_of(of):
        place = (values[factor.name].double() - factor.low) / (factor.high - factor.low) * 2 - 1
        parts.append(place.reshape(len(place), factor.size))
    return torch.cat(parts, 1).float().numpy()


def metres(depth: Tensor) -> Tensor:
    """Depth in metres of the field `depth` in border form; infinite where there is nothing.

    >>> metres(torch.tensor([-1.0, 0.0, 1.0])).tolist()
    [inf, 1.0, 0.0]
    """
    return 2 / (depth + 1) - 1


def pixels(flow: Tensor) -> Tensor:
    """Flow in pixels of the field `flow` in border form, (..., 2, h, w): at most the picture's height each way."""
    return flow * flow.shape[-2]


# -- what is rendered, each a function (simulator, values) -> array


def _levels(x: Tensor, levels: int) -> np.ndarray:
    """Levels of numbers in [0, 1]."""
    nearest = (x * (levels - 1) + 0.5).floor().clamp(0, levels - 1).to(torch.int32).numpy()
    return nearest.astype(np.uint8 if levels <= 256 else np.uint16)


def _pictured(
    picture: Callable[[Simulator, Scene], np.ndarray], scene: str = "scene"
) -> Callable[[Simulator, Values], np.ndarray]:
    """Of a function of scenes: one picture, or one a frame, stacked."""

    def of_values(of: Simulator, values: Values) -> np.ndarray:
        make = getattr(of.world, scene)
        if of.frames is None:
            return picture(of, make(values))
        return np.stack([picture(of, make(values, of.moment(values, k))) for k in range(of.frames)], 1)

    return of_values


def _paired(picture: Callable[[Simulator, Tensor, Tensor], np.ndarray]) -> Callable[[Simulator, Values], np.ndarray]:
    """Of a function of flow and visibility: one picture a pair of frames, stacked."""

    def of_values(of: Simulator, values: Values) -> np.ndarray:
        scenes = [of.scene(values, k) for k in range(of.frames or 1)]
        pairs = itertools.pairwise(scenes)
        return np.stack([picture(of, *flow(scene, after, *of.size)) for scene, after in pairs], 1)

    return of_values


def _x(of: Simulator, scene: Scene) -> np.ndarray:
    return _levels(render(scene, *of.size, ("rgb",), shadows=of.shadows)["rgb"], 256)


def _after(of: Simulator, values: Values) -> np.ndarray:
    return RENDERED["x"](of, of.edited(values))


def _domain(place: int) -> Callable[[Simulator, Values], np.ndarray]:
    """Of one of the two domains: its pictures, or clips."""

    def of_values(of: Simulator, values: Values) -> np.ndarray:
        domain = of.pair[place]
        there = domain.values(values)
        if of.frames is None:
            return _levels(domain.picture(of, there), 256)
        return np.stack([_levels(domain.picture(of, there, k), 256) for k in range(of.frames)], 1)

    return of_values


def _rig(of: Simulator, scene: Scene) -> np.ndarray:
    return _levels(render(scene, *of.size, ("rgb",), shadows=False)["rgb"], 256)


def _depth(of: Simulator, scene: Scene) -> np.ndarray:
    return _levels(1 / (1 + render(scene, *of.size, ("depth",))["depth"][:, None]), FINE)


def _normal(of: Simulator, scene: Scene) -> np.ndarray:
    return _levels((render(scene, *of.size, ("normal",))["normal"] + 1) / 2, 256)


def _stencil(of: Simulator, scene: Scene) -> np.ndarray:
    return render(scene, *of.size, ("stencil",))["stencil"].numpy().astype(np.uint8)


def _flow(of: Simulator, motion: Tensor, visible: Tensor) -> np.ndarray:
    heights = motion.nan_to_num(0.0) / of.size[0]  # 0 / 0 of a point in the camera's own plane
    return _levels((heights.clamp(-1, 1) + 1) / 2, FINE)


def _visible(of: Simulator, motion: Tensor, visible: Tensor) -> np.ndarray:
    return visible.numpy().astype(np.uint8)


def _points(of: Simulator, values: Values) -> np.ndarray:
    moments = [None] if of.frames is None else list(range(of.frames))
    return np.concatenate([_landmarks(of, values, moment) for moment in moments], 1)


def _landmarks(of: Simulator, values: Values, moment: int | None) -> np.ndarray:
    places = of.world.points(values, of.moment(values, moment))
    u, v, _ = project(of.scene(values, moment).camera, torch.stack([places[name] for name in of.landmarks], 1))
    return torch.stack(to_pixels(u, v, *of.size), 2).flatten(1).numpy()


RENDERED: Mapping[str, Callable[[Simulator, Values], np.ndarray]] = {
    "x": _pictured(_x),
    "after": _after,
    "a": _domain(0),
    "b": _domain(1),
    "depth": _pictured(_depth),
    "normal": _pictured(_normal),
    "stencil": _pictured(_stencil),
    "points": _points,
    "rig": _pictured(_rig, "rig"),
    "flow": _paired(_flow),
    "visible": _paired(_visible),
}
