"""FVSBN: the level of each pixel is a softmax of linear functions of the pixels before it.

Frey, Hinton and Dayan 1996, "Does the wake-sleep algorithm produce good density estimators?" (binary there).

    P(k_i | k_<i) = softmax over levels k of (b_ik + sum_(j < i) W_ikj x_j)
"""

import torch
from torch import nn
from torch.distributions import Categorical

from daedal.capabilities import Samples, Scores
from daedal.declare import NonNegativeFloat, Paper, Recipe
from daedal.play.system import System
from daedal.spaces import Images


class FVSBN(System, Samples, Scores):
    """A fully visible sigmoid belief network: the simplest autoregressive model.

    Options:
        weight_cost: weight of the squared weights in the loss
    """

    accepts = (Images,)
    conditional = False
    measure = "counting"
    recipe = Recipe(batch_size=128, steps=1000, rate=1e-2)
    paper = Paper(
        title="Does the wake-sleep algorithm produce good density estimators?",
        authors="Frey, B. J., Hinton, G. E. and Dayan, P.",
        year=1996,
        venue="NeurIPS",
        space={"space": "Images", "channels": 1, "height": 8, "width": 8, "levels": 2},  # [M] binary digits
        options={"weight_cost": 0.0},
        recipe=Recipe(steps=1000, rate=1e-2),  # ours: how it was trained there is not known here
    )

    def __init__(self, x, given=None, *, weight_cost: NonNegativeFloat = 0.01):
        super().__init__(x, given)
        self.weight_cost = weight_cost
        self.weight = nn.Parameter(torch.zeros(x.dim, x.levels, x.dim))
        self.bias = nn.Parameter(torch.zeros(x.dim, x.levels))
        self.register_buffer("before", torch.ones(x.dim, x.dim).tril(-1)[:, None])

    def pixels(self, x):
        return Categorical(logits=torch.einsum("nj,ikj->nik", x.flatten(1), self.weight * self.before) + self.bias)

    def log_prob(self, x, *, given=None):
        self.prepare_given(given, len(x))
        return self.pixels(x).log_prob(self.x.to_levels(x).flatten(1)).sum(1)

    def loss(self, batch):
        return -self.log_prob(batch.x).mean() + self.weight_cost * self.weight.square().sum()

    def draw(self, n, given, generator):
        x = torch.zeros(n, *self.x.shape, dtype=self.dtype, device=self.device)
        for i in range(self.x.dim):
            level = torch.multinomial(self.pixels(x).probs[:, i], 1, generator=generator)[:, 0]
            x.view(n, -1)[:, i] = self.x.from_levels(level)
        return x
