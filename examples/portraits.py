"""The world `portraits`: some people, and each factor over its range.

`python examples/portraits.py FOLDER` writes portraits.png and portraits-factors.png there.
"""

import sys
from pathlib import Path

import torch
from labels import sheet

from daedal.data.grid import image_grid
from daedal.data.worlds.portraits import Portraits
from daedal.data.worlds.render import render
from daedal.data.worlds.settings import parse_settings, with_settings
from daedal.data.worlds.simulator import Simulator

WORLD = Portraits()
SIZE, STEPS = 64, 7
MEASURES = ("head width", "head length", "jaw", "eye distance", "eye size", "nose", "mouth width", "brow height")
PEOPLE = (  # who are shown in turn
    "skin=0.2,hair_length=0.4,hair_colour=0.55,hair_style=parted,masculinity=0.2,background=blue,clothes=0.5",
    "skin=0.65,hair_length=0.2,hair_colour=0.1,hair_style=curly,masculinity=0.8,background=white,clothes=0.3",
)
USUAL = (
    "beard=0,smile=0,mouth_open=0,age=0.1,glasses=none,yaw=0,pitch=0,roll=0,light=-30,saturation=1,"
    "identity=0:0:0:0:0:0:0:0"
)


def seen(values):
    """Pictures (n, 3, SIZE, SIZE) in [0, 1]."""
    return render(WORLD.scene(values), SIZE)["rgb"]


def some():
    """Items as they are drawn."""
    return image_grid(seen(Simulator(WORLD).values(range(32))) * 2 - 1, columns=8, scale=2, padding=0)


def person(which, n):
    """One of PEOPLE, n times."""
    settings = parse_settings(WORLD, [*USUAL.split(","), *PEOPLE[which].split(",")])
    return with_settings(Simulator(WORLD).values([0] * n), settings)


def swept(factor, part, which):
    """STEPS pictures of a person in which a factor, or a part of it, runs over its range; white where it has fewer."""
    n = len(factor.choices) or STEPS
    values = person(which, n)
    if factor.choices:
        values[factor.name] = torch.arange(n)
    else:
        run = torch.linspace(factor.low, factor.high, n)
        values[factor.name] = run if factor.size == 1 else torch.eye(factor.size)[part] * run[:, None]
    pictures = seen(values)
    return torch.cat([pictures, torch.ones(STEPS - n, *pictures.shape[1:])])


def factors():
    """A row for each factor, of one person and the other in turn."""
    rows = [(factor, part) for factor in WORLD.factors if factor.shown for part in range(factor.size)]
    names = [f"{f.name}: {MEASURES[part]}" if f.size > 1 else f.name for f, part in rows]
    pictures = [swept(factor, part, k % 2) for k, (factor, part) in enumerate(rows)]
    return sheet(torch.stack(pictures), left=names)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    some().save(folder / "portraits.png")
    factors().save(folder / "portraits-factors.png")
