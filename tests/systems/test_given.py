"""What is given is learned: pictures as bright as a label, a number or another picture says."""

import numpy as np
import pytest
import torch

from daedal.play.settings import Settings
from daedal.play.trainer import Trainer
from daedal.spaces import Images, Labels, Vectors
from daedal.systems import factory
from daedal.systems.inspection import resolve
from tests.small import data_of

SIDE, LEVELS = 4, 9
STEPS = {"vae": 150, "pixelcnn": 150, "realnvp": 150, "gan": 300, "ddpm": 300}  # wgan-gp has gan's networks
BRIGHT = {
    "label": (torch.tensor([0]), torch.tensor([1])),
    "number": (torch.tensor([[-0.8]]), torch.tensor([[0.8]])),
    "picture": tuple(torch.full((1, 1, SIDE, SIDE), shade) for shade in (-0.75, 0.75)),
}


def shades(n: int = 400):
    """Pictures of one shade each, with some noise; what is given is the shade: its sign, itself, a picture of it."""
    generator = np.random.default_rng(0)
    shade = generator.uniform(-1, 1, n).astype(np.float32)

    def levels(values):
        return np.rint((values.clip(-1, 1) + 1) / 2 * (LEVELS - 1)).astype(np.uint8)

    noisy = shade[:, None, None, None] + 0.1 * generator.normal(size=(n, 1, SIDE, SIDE))
    even = np.broadcast_to(shade[:, None, None, None], noisy.shape)
    space = Images(1, SIDE, SIDE, LEVELS)
    label = (shade > 0).astype(np.int64)
    return data_of(
        "shades",
        {
            "x": (levels(noisy), space),
            "label": (label, Labels(2)),
            "number": (shade[:, None], Vectors(1)),
            "picture": (levels(even), space),
        },
    )


@pytest.mark.parametrize("kind", list(BRIGHT))
@pytest.mark.parametrize("name", list(STEPS))
def test_samples_are_what_was_asked_for(name, kind):
    data = shades()
    system = factory.create(name, data, given=(kind,), seed=0, **resolve(name)[1].toy)
    settings = Settings(steps=STEPS[name], batch_size=32, tensorboard=False)
    system = Trainer(system, data, settings).run().system
    dark, bright = (
        system.sample(64, given={kind: value}, generator=torch.Generator().manual_seed(0)).mean((1, 2, 3))
        for value in BRIGHT[kind]
    )
    assert bright.mean() - dark.mean() > 0.5  # 1 for a label, 1.5 and 1.6 for the others; 0 for who does not look
