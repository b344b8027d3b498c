"""A strip of the worlds, for a first look: streets, dancers beside their poses, portraits.

`python examples/worlds.py FOLDER` writes worlds.webp there.
"""

import sys
from pathlib import Path

import torch
from labels import sheet

from daedal.data.worlds.catalogue import find_world
from daedal.data.worlds.domains import parse_domain
from daedal.data.worlds.simulator import Simulator

SIZE = 80
STREETS = (
    (37, "rgb"),
    (3, "hour=23"),
    (24, "rgb"),
    (22, "rgb"),
    (55, "rgb"),
    (45, "rgb"),
    (32, "hour=10"),
    (37, "painting"),
)
DANCERS, PORTRAITS = (116, 128, 2, 36), (1, 20, 23, 30, 5, 7, 12, 15)


def pictures(name, chosen):
    """Pictures of a world (n, 3, h, w): of each item in a domain."""
    of = Simulator(find_world(name), (SIZE, SIZE), held=("event=none",) if name == "streets" else ())
    made = []
    for item, words in chosen:
        domain = parse_domain(of.world, words)
        made.append(domain.picture(of, domain.values(of.values([item]))))
    return torch.cat(made)


if __name__ == "__main__":
    rows = [
        pictures("streets", STREETS),
        pictures("dancers", [(item, domain) for item in DANCERS for domain in ("photo", "pose")]),
        pictures("portraits", [(item, "rgb") for item in PORTRAITS]),
    ]
    sheet(torch.stack(rows)).save(Path(sys.argv[1]) / "worlds.webp", lossless=True, method=6)
