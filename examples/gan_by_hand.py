"""A GAN trained by hand: Daedal's networks, losses and data, and a loop of your own with no trainer at all."""

import torch

import daedal
from daedal.losses.adversarial import GAMES


def main(steps: int = 500, batch_size: int = 64) -> torch.Tensor:
    """Train on the digits and return 16 samples, (16, 1, 8, 8)."""
    torch.manual_seed(0)
    digits = daedal.load_data("digits")
    x = digits.train.gather(range(len(digits.train)))["x"]
    gan, game = daedal.create("gan", digits), GAMES["non-saturating"]
    adam = {"lr": 2e-4, "betas": (0.5, 0.999)}
    synthesiser = torch.optim.Adam(gan.synthesiser.parameters(), **adam)
    discriminator = torch.optim.Adam(gan.discriminator.parameters(), **adam)
    gan.train()
    for _ in range(steps):
        real = x[torch.randint(len(x), (batch_size,))]
        fake = gan.synthesiser(gan.synthesiser.noise(batch_size), {})
        loss = game.discriminator(gan.discriminator(real, {}), gan.discriminator(fake.detach(), {}))
        discriminator.zero_grad()
        loss.backward()
        discriminator.step()
        loss = game.synthesiser(gan.discriminator(fake, {}))
        synthesiser.zero_grad()
        loss.backward()
        synthesiser.step()
    return gan.sample(16)


if __name__ == "__main__":
    daedal.show(main()).save("gan-by-hand.png")
