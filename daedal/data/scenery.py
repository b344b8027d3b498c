"""Paints numbers on walls, in batches: the pictures of `daedal.data.house_numbers`.

Coordinates run from -1 to 1 over the picture, x to the right and y down; those of the middle digit over its height. All
is drawn at twice the size and averaged. An item's pixels depend on its own random numbers only, not on its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

TABLE = 64  # random tones, of bricks and boards
LARGEST_GRID = 24  # of random heights that textures are interpolated from
LUMA = (0.299, 0.587, 0.114)
BLACK, WHITE = 0.03, 0.97  # paint is neither quite
PAD = 2  # pixels around an 8x8 digit
FINE = 36  # a padded digit's side in pixels
RANGES = {  # what is drawn evenly for each item
    "height": (0.66, 0.9),  # of the middle digit, in halves of the picture
    "aspect": (0.72, 1.0),  # width / height of its 8x8 box, of which most digits fill two thirds
    "turn": (-0.2, 0.2),  # radians
    "shear": (-0.18, 0.18),
    "left": (-0.1, 0.1),  # of the middle
    "top": (-0.1, 0.1),
    "advance": (1.5, 1.8),  # to the neighbours, in half widths
    "lift_before": (-0.12, 0.12),
    "lift_after": (-0.12, 0.12),
    "before": (0, 1),  # is there a neighbour?
    "after": (0, 1),
    "weight": (0.36, 0.52),  # the ink from which on a stroke is drawn: bold to thin
    "plate": (0, 1),
    "plate_height": (1.15, 1.5),
    "plate_before": (1.2, 4.5),
    "plate_after": (1.2, 4.5),
    "plate_rim": (0, 1),
    "wall": (0, 1),
    "wall_turn": (-0.06, 0.06),
    "wall_x": (0, 8),
    "wall_y": (0, 8),
    "wall_scale": (0.26, 0.46),
    "wall_rough": (0.03, 0.1),
    "wall_luma": (0.18, 0.85),
    "wall_hue": (-0.6, 1.6),  # mostly warm
    "wall_chroma": (0.0, 0.16),
    "plate_luma": (0.08, 0.92),
    "plate_hue": (-0.3, 4.6),  # red, yellow, green, blue
    "plate_chroma": (-0.1, 0.26),
    "ink_luma": (0, 1),
    "side": (-0.05, 0.05),  # of the brightness from which on digits are darker than their ground
    "ink_hue": (-0.4, 1.4),
    "ink_chroma": (-0.25, 0.3),  # below 0: grey
    "contrast": (0.4, 0.62),
    "raised": (0, 1),
    "light": (0, 6.283),
    "throw": (0.03, 0.09),  # of a raised digit's shadow
    "slope": (0.0, 0.3),  # of the light over the picture
    "shade": (0, 1),
    "shade_at": (-0.9, 0.9),
    "shade_turn": (0, 6.283),
    "shade_depth": (0.25, 0.5),
    "exposure": (0.85, 1.12),
    "blur": (0.0, 1.0),
    "noise": (0.004, 0.022),
}


@dataclass(frozen=True)
class Draws:
    """The random numbers of an item, or of a batch: uniform ones, tones, heights (h, h) and noise (4, side, side)."""

    uniform: Tensor
    table: Tensor
    heights: Tensor
    noise: Tensor

    @staticmethod
    def stack(items: Sequence[Draws]) -> Draws:
        """A batch of items."""
        parts = zip(*((d.uniform, d.table, d.heights, d.noise) for d in items), strict=True)
        return Draws(*(torch.stack(part) for part in parts))

    def named(self) -> dict[str, Tensor]:
        """What `RANGES` names, each (n, 1, 1)."""
        return {
            name: (low + (high - low) * self.uniform[:, i]).reshape(-1, 1, 1)
            for i, (name, (low, high)) in enumerate(RANGES.items())
        }


def render(digits: Tensor, draws: Draws, side: int) -> Tensor:
    """Levels (n, 3, side, side), uint8, of digits (n, 3, 8, 8) with 17 levels: the left, the middle, the right one."""
    d = draws.named()
    axis = (torch.arange(2 * side, dtype=torch.float32) + 0.5) / side - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    u, v = _in_digit(x, y, d)
    ink = _ink(digits, u, v, d)
    plate, rim = _plate(u, v, d)
    wall_tone = _tone(d["wall_luma"], d["wall_hue"], d["wall_chroma"])
    plate_tone = _tone(d["plate_luma"], d["plate_hue"], d["plate_chroma"])
    on_plate = (d["plate"] < PLATES)[:, None]
    ink_tone = _ink_tone(torch.where(on_plate, plate_tone, wall_tone), d)
    rough = d["wall_rough"] * _noise(draws.heights, 2 * side)
    picture = wall_tone * (1 + _wall(x, y, rough, d, draws.table))[:, None]
    picture = _over(picture, plate_tone * (1 + 0.2 * rough)[:, None], plate)
    picture = _over(picture, ink_tone, rim)
    picture = _over(picture * _cast(ink, d)[:, None], ink_tone * _relief(ink, d)[:, None], ink)
    picture = F.avg_pool2d(picture * _light(x, y, d)[:, None], 2)
    return _photographed(picture, d, draws)


PLATES = 0.45  # the share of numbers on a plate
PLASTER, BRICK = 0.4, 0.7  # plaster up to here, brick up to there, then wood


def _in_digit(x: Tensor, y: Tensor, d: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Coordinates of the middle digit, over whose box they run from -1 to 1."""
    x, y = x - d["left"], y - d["top"]
    cos, sin = d["turn"].cos(), d["turn"].sin()
    x, y = cos * x + sin * y, cos * y - sin * x
    return (x - d["shear"] * y) / (d["height"] * d["aspect"]), y / d["height"]


def _ink(digits: Tensor, u: Tensor, v: Tensor, d: dict[str, Tensor]) -> Tensor:
    """How much of each point (n, h, w) is digit, of all three."""
    fine = F.pad(digits.float() / 16, (PAD, PAD, PAD, PAD))
    fine = F.interpolate(fine, size=(FINE, FINE), mode="bicubic", align_corners=False)
    there = [(d["before"] < 0.75).float(), torch.ones_like(d["before"]), (d["after"] < 0.75).float()]
    lifts = [d["lift_before"], torch.zeros_like(d["top"]), d["lift_after"]]
    ink = torch.zeros_like(u)
    for k in range(3):
        place = torch.stack([u - (k - 1) * d["advance"], v - lifts[k]], -1) * (8 / (8 + 2 * PAD))
        seen = F.grid_sample(fine[:, k : k + 1], place, align_corners=False)[:, 0]
        ink = torch.maximum(ink, seen * there[k])
    return ((ink - d["weight"]) / 0.22 + 0.5).clamp(0, 1)


def _plate(u: Tensor, v: Tensor, d: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """How much of each point is a plate with round corners, and its painted rim."""
    there = (d["plate"] < PLATES).float()
    middle, half = (d["plate_after"] - d["plate_before"]) / 2, (d["plate_after"] + d["plate_before"]) / 2
    right = ((u - middle).abs() - half + 0.25).clamp(min=0)
    below = (v.abs() - d["plate_height"] + 0.25).clamp(min=0)
    inside = 0.25 - (right.square() + below.square()).sqrt()  # the distance to the edge, at most 0.25
    rim = ((inside - 0.06) / 0.04).clamp(0, 1) * ((0.17 - inside) / 0.04).clamp(0, 1)
    return there * (inside / 0.04).clamp(0, 1), there * (d["plate_rim"] < 0.4).float() * rim


def _tone(luma: Tensor, hue: Tensor, chroma: Tensor) -> Tensor:
    """Colours (n, 3, 1, 1) of a brightness; chroma moves them off grey, as far as there is room, and keeps it."""
    third, luma = 2.0943951, luma[:, None]
    offset = chroma.clamp(min=0)[:, None] * torch.stack([hue.cos(), (hue - third).cos(), (hue + third).cos()], 1)
    offset = offset - (torch.tensor(LUMA).reshape(1, 3, 1, 1) * offset).sum(1, keepdim=True)
    room = torch.where(offset > 0, WHITE - luma, luma - BLACK) / offset.abs().clamp(min=1e-6)
    return luma + offset * room.amin(1, keepdim=True).clamp(max=1)


def _ink_tone(ground: Tensor, d: dict[str, Tensor]) -> Tensor:
    """The digits' colours (n, 3, 1, 1): lighter or darker than the ground by the contrast at least."""
    luma = (torch.tensor(LUMA).reshape(1, 3, 1, 1) * ground).sum(1)
    lighter = luma < 0.5 + d["side"]
    room = torch.where(lighter, WHITE - luma, luma - BLACK)
    step = torch.lerp(torch.minimum(d["contrast"], room), room, d["ink_luma"])
    return _tone(torch.where(lighter, luma + step, luma - step), d["ink_hue"], d["ink_chroma"])


def _wall(x: Tensor, y: Tensor, rough: Tensor, d: dict[str, Tensor], table: Tensor) -> Tensor:
    """How much lighter or darker a wall is than its colour: plaster, brick or wood."""
    cos, sin = d["wall_turn"].cos(), d["wall_turn"].sin()
    across, down = cos * x + sin * y + d["wall_x"], cos * y - sin * x + d["wall_y"]
    wall = rough.clone()
    kind = d["wall"].flatten()
    for rows, texture in (((kind >= PLASTER) & (kind < BRICK), _bricks), (kind >= BRICK, _boards)):
        of_rows = {name: value[rows] for name, value in d.items()}
        wall[rows] = texture(across[rows], down[rows], rough[rows], of_rows, table[rows])
    return wall


def _bricks(across: Tensor, down: Tensor, rough: Tensor, d: dict[str, Tensor], table: Tensor) -> Tensor:
    height, length = d["wall_scale"], 2.3 * d["wall_scale"]
    row = (down / height).floor()
    place = across / length + 0.5 * (row % 2)
    column = place.floor()
    left, top = (place - column) * length, down - row * height
    edge = torch.minimum(torch.minimum(left, length - left), torch.minimum(top, height - top))
    brick = ((edge - 0.02) / 0.03).clamp(0, 1)
    tint = 0.3 * (_of_table(table, row * 7 + column * 3) - 0.5)
    mortar = torch.where(d["wall_luma"] < 0.5, 0.45, -0.3)
    return torch.lerp(mortar.expand_as(brick), tint, brick) + 0.5 * rough


def _boards(across: Tensor, down: Tensor, rough: Tensor, d: dict[str, Tensor], table: Tensor) -> Tensor:
    """Upright boards with a grain, the same all the way down."""
    width = 1.6 * d["wall_scale"]
    board = (across / width).floor()
    place = across / width - board
    gap = 1 - ((torch.minimum(place, 1 - place) * width - 0.012) / 0.03).clamp(0, 1)
    fine = (across * 14).floor()
    grain = torch.lerp(_of_table(table, fine), _of_table(table, fine + 1), across * 14 - fine) - 0.5
    return 0.22 * (_of_table(table, board * 5) - 0.5) + 2.2 * d["wall_rough"] * grain + 0.3 * rough - 0.5 * gap


def _of_table(table: Tensor, index: Tensor) -> Tensor:
    """A random tone in [0, 1] for each whole number (n, h, w)."""
    return table.gather(1, (index.long() % TABLE).flatten(1)).reshape(index.shape)


def _noise(heights: Tensor, side: int) -> Tensor:
    """Smooth noise (n, side, side) of three scales from random heights (n, h, h)."""
    coarse = [_enlarged(heights[:, :cells, :cells], heights.shape[-1]) for cells in (5, 11)]
    return _enlarged(coarse[0] + 0.7 * coarse[1] + 0.6 * heights, side)


def _enlarged(grid: Tensor, side: int) -> Tensor:
    return F.interpolate(grid[:, None], size=(side, side), mode="bicubic", align_corners=True)[:, 0]


def _cast(ink: Tensor, d: dict[str, Tensor]) -> Tensor:
    """The light that the shadow of raised digits leaves."""
    soft = _moved(ink, d, 1.0)
    return 1 - 0.5 * (d["raised"] < 0.45).float() * soft


def _relief(ink: Tensor, d: dict[str, Tensor]) -> Tensor:
    """The light on raised digits: more on the edge that faces it, less on the other."""
    return 1 + 0.25 * (d["raised"] < 0.45).float() * (_moved(ink, d, 0.5) - _moved(ink, d, -0.5))


def _moved(ink: Tensor, d: dict[str, Tensor], share: float) -> Tensor:
    """Ink moved away from the light by a share of the throw."""
    side = ink.shape[-1]
    step = share * d["throw"][..., None] * torch.stack([d["light"].cos(), d["light"].sin()], -1)  # (n, 1, 1, 2)
    axis = (torch.arange(side, dtype=torch.float32) + 0.5) * 2 / side - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return F.grid_sample(ink[:, None], torch.stack([x, y], -1) - step, align_corners=False)[:, 0]


def _light(x: Tensor, y: Tensor, d: dict[str, Tensor]) -> Tensor:
    """Light over the picture: falling off to one side, perhaps with the shadow of an eave or a tree across."""
    light = d["exposure"] * (1 - d["slope"] * (d["light"].cos() * x + d["light"].sin() * y))
    beyond = d["shade_turn"].cos() * x + d["shade_turn"].sin() * y - d["shade_at"]
    shade = (d["shade"] < 0.3).float() * d["shade_depth"] * (beyond / 0.15 + 0.5).clamp(0, 1)
    return light * (1 - shade)


def _over(below: Tensor, above: Tensor, share: Tensor) -> Tensor:
    return torch.lerp(below, above.expand_as(below), share[:, None].expand_as(below))


def _photographed(picture: Tensor, d: dict[str, Tensor], draws: Draws) -> Tensor:
    """Blurred, with noise of brightness and of colour, at 256 levels."""
    amount = d["blur"][:, None] * min(1.0, picture.shape[-1] / 32)
    picture = torch.lerp(picture, _smoothed(picture), amount)
    noise = d["noise"][:, None] * (0.8 * draws.noise[:, :1] + 0.6 * draws.noise[:, 1:])
    return ((picture + noise).clamp(0, 1) * 255).round().byte()


def _smoothed(picture: Tensor) -> Tensor:
    """With the weights 1 2 1 along each axis."""
    wide = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    tall = (wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]) / 4
    return (tall[..., :-2, :] + 2 * tall[..., 1:-1, :] + tall[..., 2:, :]) / 4
