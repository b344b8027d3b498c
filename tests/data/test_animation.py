"""Animations read back by Pillow: frames, times, pixels."""

import numpy as np
import pytest
import torch
from PIL import Image

from daedal.data.animation import animate
from daedal.data.grid import image_grid
from daedal.errors import UsageError


def clips(n=3, f=4, size=6):
    return torch.rand(n, f, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def frames_of(path):
    image = Image.open(path)
    for t in range(image.n_frames):
        image.seek(t)
        image.load()
        yield image.info["duration"], np.asarray(image.convert("RGB"))


def test_webp_keeps_every_pixel_of_every_frame(tmp_path):
    x = clips()
    animate(x, tmp_path / "a.webp", rate=8, columns=2)
    found = list(frames_of(tmp_path / "a.webp"))
    assert [time for time, _ in found] == [125] * 4
    for t, (_, frame) in enumerate(found):
        assert np.array_equal(frame, np.asarray(image_grid(x[:, t], columns=2)))


def test_a_gif_lasts_as_long_as_the_clip(tmp_path):
    animate(clips(f=8), tmp_path / "a.gif", rate=8)
    times = [time for time, _ in frames_of(tmp_path / "a.gif")]
    assert len(times) == 8
    assert sum(times) == 1000
    assert set(times) == {120, 130}  # a GIF counts hundredths of a second


def test_a_gif_of_few_colours_keeps_them(tmp_path):
    x = torch.tensor([-1.0, 1.0])[torch.arange(4 * 3 * 16).reshape(1, 4, 3, 4, 4) % 5 % 2]
    animate(x, tmp_path / "a.gif", scale=1, padding=0)
    for t, (_, frame) in enumerate(frames_of(tmp_path / "a.gif")):
        assert np.array_equal(frame, np.asarray(image_grid(x[:, t], scale=1, padding=0)))


def test_bad_input(tmp_path):
    with pytest.raises(UsageError, match=r"must end in \.gif or \.webp"):
        animate(clips(), tmp_path / "a.mp4")
    with pytest.raises(ValueError, match=r"must be clips \(n, f, c, h, w\)"):
        animate(torch.zeros(2, 3, 4, 4), tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())
