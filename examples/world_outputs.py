"""What a world knows of its pictures: colour, depth, classes, normals and flow of four portraits; and a clip.

`python examples/world_outputs.py FOLDER` writes portraits-outputs.png and portraits-clip.webp there.
"""

import sys
from pathlib import Path

import torch

from daedal.data.animation import animate
from daedal.data.grid import image_grid
from daedal.data.worlds.colours import depth_colours, flow_colours, normal_colours, stencil_colours
from daedal.data.worlds.portraits import Portraits
from daedal.data.worlds.render import flow, render

PEOPLE = (1, 20, 23, 30)
RATE = 10  # frames a second
FASTEST = 0.03  # of the picture's height a frame: the flow that is full colour


def outputs(people=PEOPLE, size=128):
    """Pictures (5 n, 3, size, size) in [0, 1]: of each person colour, depth, classes, normals and flow."""
    world = Portraits()
    values = world.draw(torch.tensor(people), seed=0)
    now, soon = (world.scene(values, torch.full((len(people),), time)) for time in (1.0, 1.0 + 1 / RATE))
    seen = render(now, size, outputs=("rgb", "depth", "stencil", "normal"))
    motion, visible = flow(now, soon, size)
    colours = flow_colours(motion, most=FASTEST * size) * visible[:, None]  # black: hidden in the next frame
    rows = [seen["rgb"], depth_colours(seen["depth"]), stencil_colours(seen["stencil"]), normal_colours(seen["normal"])]
    return torch.stack([*rows, colours], 1).flatten(0, 1)


def clip(people=PEOPLE, size=96, frames=20):
    """Clips (n, frames, 3, size, size) in [-1, 1]."""
    world = Portraits()
    values = world.draw(torch.tensor(people), seed=0)
    times = [torch.full((len(people),), k / RATE) for k in range(frames)]
    return torch.stack([render(world.scene(values, time), size)["rgb"] for time in times], 1) * 2 - 1


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    image_grid(outputs() * 2 - 1, columns=5, scale=1, padding=2).save(folder / "portraits-outputs.png")
    animate(clip(), folder / "portraits-clip.webp", rate=RATE, columns=len(PEOPLE), padding=2, quality=75)
