"""The games at their optima, which are divergences (Goodfellow et al. 2014; Kantorovich and Rubinstein)."""

import math

import pytest
import torch
from scipy.stats import wasserstein_distance

from daedal.losses.adversarial import GAMES, accuracy

P = torch.tensor([8, 4, 2, 1, 1], dtype=torch.float64)
Q = torch.tensor([1, 1, 2, 4, 8], dtype=torch.float64)


def _points(counts):
    return torch.repeat_interleave(torch.arange(len(counts)), counts.long())


def _jensen_shannon(p, q):
    m = (p + q) / 2
    return 0.5 * ((p * (p / m).log()).sum() + (q * (q / m).log()).sum())


def test_the_best_discriminator_is_log_p_over_q_and_its_loss_a_jensen_shannon_divergence():
    def loss(logits):
        return GAMES["non-saturating"].discriminator(logits[_points(P)], logits[_points(Q)])

    best = (P / Q).log().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(best), best)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-12, rtol=0)
    expected = math.log(4) - 2 * _jensen_shannon(P / P.sum(), Q / Q.sum())
    assert loss(best).item() == pytest.approx(expected.item(), abs=1e-12)
    assert loss(best + 0.1 * torch.randn(5)) > loss(best)


def test_the_synthesisers_gradient_does_not_vanish_where_the_discriminator_wins():
    fake = torch.full((4,), -30.0, requires_grad=True)
    loss = GAMES["non-saturating"].synthesiser(fake)
    assert loss.item() == pytest.approx(30)
    (gradient,) = torch.autograd.grad(loss, fake)
    torch.testing.assert_close(gradient, torch.full((4,), -0.25))  # -1 for each item, averaged


def test_the_synthesisers_gradient_is_that_of_kl_minus_twice_jensen_shannon():
    # Arjovsky and Bottou 2017: at the best discriminator, for p = N(0, 1) and q = N(theta, 1).
    grid = torch.linspace(-12, 12, 1201, dtype=torch.float64)
    step = grid[1] - grid[0]

    def density(theta):
        return torch.exp(-0.5 * (grid - theta) ** 2) / math.sqrt(2 * math.pi)

    for theta, known in ((0.5, 0.26474), (1.0, 0.60203), (2.0, 1.55040)):
        score = (grid - theta) * density(theta) * step  # d q / d theta
        logits = (density(0.0) / density(theta)).log()
        losses = torch.stack([GAMES["non-saturating"].synthesiser(c) for c in logits])
        assert (score * losses).sum().item() == pytest.approx(known, abs=1e-5)


def test_the_wasserstein_game_at_a_potential_is_the_distance():
    real = torch.tensor([0.0, 1.0, 3.0, 4.0], dtype=torch.float64)
    fake = torch.tensor([2.0, 2.5, 6.0, 5.0], dtype=torch.float64)
    # Each fake point lies above its real one, so C(x) = -x is a Kantorovich potential.
    game = GAMES["wasserstein"]
    distance = wasserstein_distance(real.numpy(), fake.numpy())
    assert game.discriminator(-real, -fake).item() == pytest.approx(-distance)
    assert game.synthesiser(-fake).item() == pytest.approx(fake.mean().item())


def test_accuracy_counts_right_signs():
    assert accuracy(torch.tensor([1.0, 2, -1, 3]), torch.tensor([-1.0, -2])).item() == pytest.approx(0.875)
