"""Three-vectors and 3 x 3 matrices by plain sums: the same bits for every batch size, chunk and number of threads.

Matrix products and norms of libraries choose their order of summation by size; these do not. The same holds of the
functions used in this package: +, -, *, /, sqrt, exp, sin, cos, floor and comparisons give equal bits wherever a
number stands in a tensor, while pow, atan2 and sigmoid do not (measured for torch 2.13 on a CPU).

Vectors of scenes are tensors (..., 3). Vectors of rays are *columns*, three tensors, which is much faster.
"""

from __future__ import annotations

import torch
from torch import Tensor

Columns = tuple[Tensor, Tensor, Tensor]


def columns(v: Tensor) -> Columns:
    """The columns of (..., 3)."""
    return v[..., 0], v[..., 1], v[..., 2]


def dot(a: Columns, b: Columns) -> Tensor:
    """The scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def add(a: Columns, b: Columns) -> Columns:
    """a + b."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def scaled(a: Columns, factor: Tensor | float) -> Columns:
    """a times a number."""
    return a[0] * factor, a[1] * factor, a[2] * factor


def unit(a: Columns) -> Columns:
    """a at length 1."""
    return scaled(a, 1 / dot(a, a).sqrt().clamp(min=1e-12))


def length(v: Tensor) -> Tensor:
    """(...,) of (..., 3)."""
    return dot(columns(v), columns(v)).sqrt()


def unit_vector(v: Tensor) -> Tensor:
    """(..., 3) at length 1."""
    return v / length(v).clamp(min=1e-12)[..., None]


def cross(a: Tensor, b: Tensor) -> Tensor:
    """The vector product of (..., 3)."""
    (ax, ay, az), (bx, by, bz) = columns(a), columns(b)
    return torch.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)


def product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b of matrices (..., 3, 3)."""
    rows, terms = a[..., :, :, None], b[..., None, :, :]
    return rows[..., 0, :] * terms[..., 0, :] + rows[..., 1, :] * terms[..., 1, :] + rows[..., 2, :] * terms[..., 2, :]


def apply(matrix: Tensor, v: Tensor) -> Tensor:
    """matrix @ v of (..., 3, 3) and (..., 3)."""
    return matrix[..., 0] * v[..., 0, None] + matrix[..., 1] * v[..., 1, None] + matrix[..., 2] * v[..., 2, None]


def inverse(matrix: Tensor) -> Tensor:
    """The inverse of (..., 3, 3), by the rows' vector products."""
    a, b, c = matrix.unbind(-2)
    adjugate = torch.stack([cross(b, c), cross(c, a), cross(a, b)], -1)
    return adjugate / dot(columns(a), columns(cross(b, c)))[..., None, None]


def rotation(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Matrices (..., 3, 3) that roll about z, then pitch about x, then yaw about y; radians."""
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, -1).unflatten(-1, (3, 3))

    (cy, sy), (cp, sp), (cr, sr) = ((angle.cos(), angle.sin()) for angle in (yaw, pitch, roll))
    about_y = matrix(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    about_x = matrix(one, zero, zero, zero, cp, -sp, zero, sp, cp)
    about_z = matrix(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    return product(about_y, product(about_x, about_z))
