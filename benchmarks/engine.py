"""Training the digits VAE at batch 128: the engine against a bare loop, and against pythae's trainer.

The bare loop does what the engine does for the user: the same batches, clipping, running average, learning rate and
averaged log. pythae trains the same layers (but for dropout, which is torch's there and ours here) on the same loss (a
binomial's is its cross-entropy times the number of levels) with its own trainer, which neither clips nor averages;
`engine-plain` does not either.
"""

from __future__ import annotations

import contextlib
import io
import logging
import statistics
import tempfile
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

import daedal
from benchmarks.common import REFERENCE_GFLOPS, bar, gflops, interleave, matrix_product, publish, ratio
from daedal.play.player import Average, Player, Rate, cosine
from daedal.play.settings import Settings
from daedal.play.trainer import LOG_POINTS, Trainer
from daedal.systems.autoencoders.vae import VAE


class Model(NamedTuple):
    """The perceptrons of a VAE: width of both hidden layers, their activation, the decoder's dropout."""

    width: int
    activation: str
    dropout: float


# What `daedal train vae digits` trains; the same without dropout, so that all layers are torch's on both sides; and a
# wider one, of which more of a step is matrix products.
MODELS = {
    "default": Model(128, "silu", 0.1),
    "no dropout": Model(128, "silu", 0.0),
    "256-256": Model(256, "relu", 0.0),
}
ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU}
BATCH, STEPS, LATENT = 128, 1000, 16
CLIP, DECAY, RATE, LOG_EVERY = 10.0, 0.999, 1e-3, STEPS // LOG_POINTS
DATA = daedal.load_data("digits")


def vae(model: Model, plain: bool = False) -> VAE:
    average, clip = (None, None) if plain else (Average(DECAY), CLIP)
    hidden = (model.width, model.width)
    system = daedal.create(
        "vae", DATA, latent=LATENT, hidden=hidden, dropout=model.dropout, activation=model.activation
    )
    system.players = lambda: {  # type: ignore[method-assign]
        "model": Player(system.parameters(), rate=Rate(RATE, cosine()), average=average, clip=clip)
    }
    return system


def with_engine(model: Model) -> None:
    Trainer(vae(model), DATA, Settings(steps=STEPS, batch_size=BATCH, tensorboard=False)).run()


def with_engine_plain(model: Model) -> None:
    Trainer(vae(model, plain=True), DATA, Settings(steps=STEPS, batch_size=BATCH, tensorboard=False)).run()


def bare_loop(model: Model) -> None:
    """The same training by hand."""
    system = vae(model)
    x = DATA.train.gather(range(len(DATA.train)), ("x",))["x"]
    parameters = list(system.parameters())
    averages = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.Adam(parameters, fused=True)
    shape, log, kept = cosine(), [], []
    per_epoch = len(x) // BATCH
    for step in range(STEPS):
        epoch, draw = divmod(step, per_epoch)
        if draw == 0:
            order = torch.randperm(len(x), generator=torch.Generator().manual_seed(epoch))
        batch = x.index_select(0, order[draw * BATCH : (draw + 1) * BATCH])
        reconstruction, kl = system.bound_terms(batch, system.context({}, BATCH))
        reconstruction, kl = reconstruction.mean(), kl.mean()
        loss = kl - reconstruction
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, CLIP)
        for group in optimizer.param_groups:
            group["lr"] = RATE * shape(step / STEPS)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(averages, parameters, 1 - min(DECAY, (1 + step) / (10 + step)))
        kept += [loss.detach(), reconstruction.detach(), kl.detach(), norm]
        if (step + 1) % LOG_EVERY == 0:
            log.append(torch.stack(kept).tolist())
            kept.clear()


class _Encoder(nn.Module):
    def __init__(self, model: Model):
        super().__init__()
        self.body = nn.Sequential(*_hidden(64, model, dropout=0.0))
        self.mean, self.log_variance = nn.Linear(model.width, LATENT), nn.Linear(model.width, LATENT)


def _hidden(inputs: int, model: Model, dropout: float) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for size in (inputs, model.width):
        layers += [nn.Linear(size, model.width), ACTIVATIONS[model.activation]()]
        layers += [nn.Dropout(dropout)] if dropout else []
    return layers


def pythae_trainer(model: Model):
    """pythae's VAE of the same layers and loss, and the work of training it for as many steps; evaluation is off."""
    from pythae import models
    from pythae.data.datasets import BaseDataset
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder, _Encoder):
        def __init__(self):
            BaseEncoder.__init__(self)
            _Encoder.__init__(self, model)

        def forward(self, x):
            hidden = self.body(x.flatten(1))
            return ModelOutput(embedding=self.mean(hidden), log_covariance=self.log_variance(hidden))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(*_hidden(LATENT, model, model.dropout), nn.Linear(model.width, 64), nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.body(z).unflatten(1, (1, 8, 8)))

    x = (DATA.train.gather(range(len(DATA.train)), ("x",))["x"] + 1) / 2
    per_epoch = -(-len(x) // BATCH)
    logging.disable(logging.WARNING)

    def work() -> None:
        network = models.VAE(
            models.VAEConfig(input_dim=(1, 8, 8), latent_dim=LATENT, reconstruction_loss="bce"), Encoder(), Decoder()
        )
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            config = BaseTrainerConfig(
                output_dir=folder, num_epochs=round(STEPS / per_epoch), per_device_train_batch_size=BATCH,
                learning_rate=RATE, no_cuda=True,
            )  # fmt: skip
            trainer = BaseTrainer(
                model=network, train_dataset=BaseDataset(x, torch.zeros(len(x))), training_config=config
            )
            trainer.train()

    work.samples = round(STEPS / per_epoch) * len(x)  # type: ignore[attr-defined]
    return work


def measure(model: Model) -> dict[str, Any]:
    """One model."""
    product, peer = matrix_product(), pythae_trainer(model)
    ours = {"engine": with_engine, "engine-plain": with_engine_plain, "bare": bare_loop}
    ways: dict[str, Any] = {**{name: partial(way, model) for name, way in ours.items()}, "pythae": peer}
    times = interleave({**ways, "product": product}, blocks=15)
    samples = {**dict.fromkeys(ours, STEPS * BATCH), "pythae": peer.samples}
    per_second = {name: n / statistics.median(times[name]) for name, n in samples.items()}
    speed = gflops(times["product"], product)
    over = {name: samples[name] / samples["pythae"] * ratio(times, "pythae", name) for name in ours}
    return {
        "overhead": ratio(times, "engine", "bare") - 1,
        "over_pythae": over,
        "samples_per_second": per_second,
        "scaled_samples_per_second": {k: v * REFERENCE_GFLOPS / speed for k, v in per_second.items()},
        "gflops": speed,
        "seconds": times,
    }


def main() -> None:
    """Measure and publish."""
    torch.set_num_threads(2)
    cases = {name: measure(model) for name, model in MODELS.items()}
    bars = {}
    for name, case in cases.items():
        bars[f"overhead over the bare loop, {name}"] = bar(case["overhead"], at_most=0.05)
        bars[f"samples per second over pythae, {name}"] = bar(case["over_pythae"]["engine"], at_least=1.5)
    publish("engine", {"bars": bars, "cases": cases})


if __name__ == "__main__":
    main()
