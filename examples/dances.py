"""The dances of the world `dancers` with the poses that drive them, and motion transferred from one actor to others.

`python examples/dances.py FOLDER` writes dancers.png, dancers-transfer.png and dancers-clip.webp there.
"""

import sys
from pathlib import Path

import torch

from daedal.data.animation import animate
from daedal.data.grid import image_grid
from daedal.data.worlds.dancers import Dancers, transferred
from daedal.data.worlds.render import render
from daedal.data.worlds.world import taken

WORLD = Dancers()
DANCES = WORLD.factor("dance").choices
STEPS = 8  # of a cycle
SOURCE, TARGETS = 36, (116, 128, 2)  # who moves, and who does it too
RATE = 10  # frames a second


def dances(size=64):
    """Pictures (8 x 16, 3, size, size) in [-1, 1]: a dance a row, its poses beside it."""
    rows = torch.arange(len(DANCES)).repeat_interleave(STEPS)
    values = taken(WORLD.draw(torch.arange(len(DANCES)) + 64), rows)
    held = {"heading": 15.0, "distance": 4.0, "brightness": 1.0}
    values |= {name: torch.full((len(rows),), number) for name, number in held.items()}
    values |= {"dance": rows, "phase": torch.arange(STEPS).repeat(len(DANCES)) / STEPS}
    pictures = [render(scene, size)["rgb"] for scene in (WORLD.scene(values), WORLD.rig(values))]
    return torch.cat([part.unflatten(0, (-1, STEPS)) for part in pictures], 1).flatten(0, 1) * 2 - 1


def transfers(size=96, frames=8, dance="kick"):
    """Clips (2 + targets, frames, 3, size, size) in [-1, 1]: one who dances, the pose, and others who do the same."""
    source = WORLD.draw(torch.tensor([SOURCE]))
    source |= {"dance": torch.tensor([DANCES.index(dance)]), "heading": torch.tensor([30.0])}
    actors = WORLD.draw(torch.tensor(TARGETS))
    others = transferred(actors, taken(source, [0] * len(TARGETS)))
    clips = []
    for k in range(frames):
        time = torch.tensor([k / RATE])
        scenes = [WORLD.scene(source, time), WORLD.rig(source, time), WORLD.scene(others, time.expand(len(TARGETS)))]
        clips.append(torch.cat([render(scene, size)["rgb"] for scene in scenes]))
    return torch.stack(clips, 1) * 2 - 1


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    image_grid(dances(), columns=2 * STEPS, scale=1, padding=1).save(folder / "dancers.png")
    image_grid(transfers().flatten(0, 1), columns=8, scale=1, padding=1).save(folder / "dancers-transfer.png")
    animate(transfers(frames=20), folder / "dancers-clip.webp", rate=RATE, columns=5, padding=2, quality=75)
