"""Streets and dancers against closed forms in float64: what is seen, where it goes, and whether it is still seen.

The closed forms (`closed_forms.py`) share no code with the renderer; a float32 scene is what both are given.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from daedal.data.worlds.dancers import Dancers
from daedal.data.worlds.render import flow, render
from daedal.data.worlds.scene import Scene
from daedal.data.worlds.streets import Streets
from daedal.data.worlds.world import World
from tests.data.worlds import closed_forms
from tests.data.worlds.scenes import F64
from tests.data.worlds.test_trace import moved

SIZE = 12
MARGIN = 2e-3  # of u and v
WORLDS = (Streets(), Dancers())
BOTH = pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
FIRST = {"streets": 4, "dancers": 0}  # streets of which one has cars and people near


def scenes(world: World) -> list[Scene]:
    """An item in two frames of a clip, an eighth of a second apart, in float64."""
    values = world.draw(torch.tensor([FIRST[world.name]]))
    return [world.scene(values, torch.tensor([moment])).to(F64) for moment in (0.5, 0.625)]


def exact(scene: Scene, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth and body of rays, and whether the body stays the same a little beside them."""
    t, body, _ = closed_forms.nearest(scene, 0, u, v)
    beside = [closed_forms.nearest(scene, 0, u + MARGIN * a, v + MARGIN * b)[1] for a, b in ((1, 0), (-1, 1), (-1, -1))]
    return t, body, np.all([other == body for other in beside], 0)


@cache
def first_frame(world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return exact(scenes(world)[0], *closed_forms.grid(SIZE, SIZE))


@BOTH
def test_depth_classes_and_ids_are_those_of_closed_forms(world):
    scene = scenes(world)[0]
    t, body, clear = first_frame(world)
    assert clear.mean() > 0.5
    assert len(np.unique(body[clear])) > 6
    for given, bound in ((scene, 1e-9), (scene.to(torch.float32), 1e-3)):
        found = {
            k: part[0].numpy() for k, part in render(given, SIZE, outputs=("depth", "stencil", "instance")).items()
        }
        np.testing.assert_allclose(found["depth"][clear], t[clear], rtol=bound)
        for name in ("stencil", "instance"):
            table = np.append(getattr(scene.bodies, name)[0].numpy(), 0)  # at the end, of nothing
            assert np.array_equal(found[name][clear], table[body][clear])


@BOTH
def test_flow_and_visibility_are_those_of_the_moved_points(world):
    """Each point keeps its coordinates in its body; it is seen again where the ray to it ends at its depth."""
    scene, after = scenes(world)
    motion, visible = (part[0].flatten(-2).numpy() for part in flow(scene, after, SIZE))
    u, v = (part.reshape(-1) for part in closed_forms.grid(SIZE, SIZE))
    t, body, clear = (part.reshape(-1) for part in first_frame(world))
    new_u, new_v, depth = (
        part[0].numpy()
        for part in moved(scene, after, torch.from_numpy(t)[None], torch.from_numpy(body)[None], SIZE, SIZE)
    )
    steps = np.stack([(new_u - u) * SIZE / 2, (v - new_v) * SIZE / 2])
    np.testing.assert_allclose(motion[:, clear], steps[:, clear], atol=1e-8)
    assert np.ptp(steps[:, clear], axis=1).max() > 0.4
    there, again, same = exact(after, new_u, new_v)
    border = np.maximum(np.abs(new_u), np.abs(new_v))
    seen = (again == body) & ((body < 0) | (np.abs(there - depth) <= 1e-3 * depth)) & (depth > 0) & (border <= 1)
    sure = clear & same & (np.abs(border - 1) > MARGIN)
    assert np.array_equal(visible[sure], seen[sure])
    assert sure.mean() > 0.4
    assert 0.5 < seen[sure].mean() < 1
