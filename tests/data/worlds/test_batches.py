"""A batch of three pictures is a batch like any other: (3, 3) half sizes are no matrix."""

import torch

from daedal.data.worlds.portraits import Portraits
from daedal.data.worlds.render import render
from daedal.data.worlds.scene import ELLIPSOID, Builder


def test_half_sizes_of_three_pictures_are_no_matrix():
    half = torch.arange(1.0, 10).reshape(3, 3)
    builder, matrices = Builder(3), torch.stack([torch.diag(row) for row in half])
    builder.add(ELLIPSOID, (0, 0, 0), half, colour=(1, 1, 1), stencil=1)
    assert torch.equal(builder.axes(half), matrices)
    assert torch.equal(builder.bodies().axes[:, 0], matrices)


def test_portraits_are_the_same_three_or_four_at_once():
    four, three = (
        render(Portraits().scene(Portraits().draw(torch.arange(n))), 16, shadows=False)["rgb"] for n in (4, 3)
    )
    assert torch.equal(four[:3], three)
