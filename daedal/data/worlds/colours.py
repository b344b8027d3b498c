"""Outputs that are no colours, drawn as colours: classes, depth, normals, and flow.

Flow: S. Baker et al., A Database and Evaluation Methodology for Optical Flow, IJCV 2011 (ICCV 2007): direction is hue
on a wheel of 55 colours, length is saturation from white at rest to full at a stated maximum, and darker beyond. Their
code leaves a gap of one colour at the wheel's end; here it closes, as neighbouring directions have near colours.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

WHEEL = (("ry", 15), ("yg", 6), ("gc", 4), ("cb", 11), ("bm", 13), ("mr", 6))  # how many colours between which two
CORNERS = {"r": (1, 0, 0), "y": (1, 1, 0), "g": (0, 1, 0), "c": (0, 1, 1), "b": (0, 0, 1), "m": (1, 0, 1)}


def flow_colours(flow: Tensor, most: float) -> Tensor:
    """Flow (b, 2, h, w) as colours (b, 3, h, w) in [0, 1]; `most` pixels are full colour.

    >>> flow_colours(torch.tensor([2.0, 0.0]).view(1, 2, 1, 1), most=2).flatten().tolist()
    [1.0, 0.0, 0.0]
    """
    if not most > 0:
        raise ValueError(f"'most' must be above 0 pixels; got {most}.")
    wheel = _wheel().to(flow)
    u, v = flow[:, 0] / most, flow[:, 1] / most
    length = (u * u + v * v).sqrt()
    place = (torch.atan2(-v, -u) / math.pi + 1) / 2 * len(wheel) % len(wheel)
    before = place.long() % len(wheel)
    part = (place - place.floor())[..., None]
    colour = wheel[before] * (1 - part) + wheel[(before + 1) % len(wheel)] * part
    inside = 1 - length[..., None] * (1 - colour)
    return torch.where(length[..., None] <= 1, inside, 0.75 * colour).movedim(-1, 1)


def _wheel() -> Tensor:
    colours = []
    for (start, end), count in WHEEL:
        a, b = torch.tensor(CORNERS[start]).double(), torch.tensor(CORNERS[end]).double()
        colours += [a + (b - a) * k / count for k in range(count)]
    return torch.stack(colours)


def palette(classes: int) -> np.ndarray:
    """Colours (classes, 3) uint8 as PASCAL VOC assigns them: class 0 is black, and any two of 256 differ."""
    index = np.arange(classes)
    colours = np.zeros((classes, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (((index >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def stencil_colours(stencil: Tensor) -> Tensor:
    """Classes (b, h, w) as colours (b, 3, h, w) in [0, 1]."""
    table = torch.from_numpy(palette(256)).to(stencil.device)
    return (table[stencil % 256].float() / 255).movedim(-1, 1)


def normal_colours(normal: Tensor) -> Tensor:
    """Normals (b, 3, h, w) as colours in [0, 1]: (n + 1) / 2."""
    return (normal + 1) / 2


def depth_colours(depth: Tensor) -> Tensor:
    """Depth (b, h, w) as grey (b, 3, h, w) in [0, 1]: of each picture the nearest is white, the farthest darkest.

    Grey is linear in 1 / depth, so that what is near is told apart; black is where nothing is.
    """
    near = 1 / depth.flatten(1)
    seen = near > 0
    low = torch.where(seen, near, math.inf).amin(1, keepdim=True)
    high = near.amax(1, keepdim=True)
    grey = 0.15 + 0.85 * (near - low) / (high - low).clamp(min=1e-12)
    return torch.where(seen, grey, 0.0).reshape(depth.shape)[:, None].expand(-1, 3, -1, -1)
