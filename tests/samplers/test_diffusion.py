"""Samplers of diffusion models on data whose clean estimate is known: N(mean, deviation^2)."""

import pytest
import torch

from daedal.probability.schedules import cosine, linear, spaced_times
from daedal.samplers.diffusion import ancestral, ddim, invert_ddim

MEAN, DEVIATION = 0.3, 0.5


def exact(schedule, mean=MEAN, deviation=DEVIATION):
    """E[x_0 | x_t] for Gaussian data."""

    def clean(x, t):
        signal, kept = schedule.signal[t], schedule.kept[t]
        return mean + signal * deviation**2 * (x - signal * mean) / (kept * deviation**2 + 1 - kept)

    return clean


def flow_map(schedule, x, mean=MEAN, deviation=DEVIATION):
    """Where the probability flow takes x_T: the exact map that DDIM approaches."""
    kept = schedule.kept[-1]
    return mean + deviation * (x - schedule.signal[-1] * mean) / (kept * deviation**2 + 1 - kept).sqrt()


def test_ddim_with_eta_1_is_ancestral_sampling_with_the_small_variance():
    schedule = linear(60)
    x = torch.randn(50, dtype=torch.float64)
    for times in (spaced_times(60, 60), spaced_times(60, 9)):
        one, two = (
            sampler(exact(schedule), x, schedule, times, generator=torch.Generator().manual_seed(1), **options)
            for sampler, options in ((ddim, {"eta": 1.0}), (ancestral, {"variance": "small"}))
        )
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("schedule", [linear(1600), cosine(1600)], ids=["linear", "cosine"])
def test_ddim_approaches_the_probability_flow_at_first_order(schedule):
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)
    errors = []
    for count in (200, 400, 800):
        got = ddim(exact(schedule), x, schedule, spaced_times(1600, count))
        errors.append((got - flow_map(schedule, x)).abs().max())
    assert errors[0] < 0.05
    assert 1.7 < errors[0] / errors[1] < 2.3
    assert 1.7 < errors[1] / errors[2] < 2.3


def test_inversion_comes_back_and_its_error_falls_as_one_over_the_steps():
    schedule = linear(1600)
    x = torch.linspace(-1, 1.5, 6, dtype=torch.float64)
    errors = []
    for count in (100, 200, 400):
        times = spaced_times(1600, count)
        noise = invert_ddim(exact(schedule), x, schedule, times)
        errors.append((ddim(exact(schedule), noise, schedule, times) - x).abs().max())
    assert errors[0] < 0.1
    assert 1.6 < errors[0] / errors[1] < 2.4
    assert 1.6 < errors[1] / errors[2] < 2.4


def test_inversion_finds_the_flows_noise():
    schedule = linear(2000)
    noise = torch.linspace(-2, 2, 5, dtype=torch.float64)
    found = invert_ddim(exact(schedule), flow_map(schedule, noise), schedule, spaced_times(2000, 2000))
    torch.testing.assert_close(found, noise, rtol=0, atol=0.02)


@pytest.mark.parametrize(("variance", "deviation"), [("large", 1.0), ("small", 0.0)])
@pytest.mark.parametrize("count", [100, 12])
def test_ancestral_sampling_has_the_datas_moments_where_its_variance_is_exact(variance, deviation, count):
    schedule, n = linear(100), 40_000
    times = spaced_times(100, count)
    # Before the last step, which adds no noise, the chain should stand at N(signal mean, kept deviation^2 + noise^2)
    last = times[0]
    x = torch.randn(n, dtype=torch.float64)
    clean = exact(schedule, MEAN, deviation)
    stopped = {}

    def watched(x_t, t):
        stopped[t] = x_t
        return clean(x_t, t)

    ancestral(watched, x, schedule, times, variance=variance, generator=torch.Generator().manual_seed(0))
    expected_mean = float(schedule.signal[last]) * MEAN
    expected_variance = float(schedule.kept[last] * deviation**2 + 1 - schedule.kept[last])
    # The start is N(0, 1), not q(x_T): what is left of x_T's mean is below the error that is tested for
    got = stopped[last]
    assert abs(got.mean() - expected_mean) < 4 * (expected_variance / n) ** 0.5 + 0.01 * MEAN
    assert abs(got.var() / expected_variance - 1) < 4 * (2 / n) ** 0.5 + 0.01


def test_no_noise_in_the_last_step():
    schedule = linear(10)
    x, calls = torch.randn(3), []

    def clean(x_t, t):
        calls.append(t)
        return torch.full_like(x_t, 0.25)

    for sampler in (ancestral, ddim):
        calls.clear()
        got = sampler(clean, x, schedule, [2, 5, 10])
        torch.testing.assert_close(got, torch.full_like(x, 0.25))
        assert calls == [10, 5, 2]


def test_a_generator_is_the_only_source_of_randomness():
    schedule, x = linear(10), torch.zeros(4)
    state = torch.get_rng_state()
    draws = [
        ancestral(exact(schedule), x, schedule, [5, 10], generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_ddim_with_eta_0_draws_nothing_and_repeats():
    schedule, x = linear(20), torch.randn(4, generator=torch.Generator().manual_seed(0))
    state = torch.get_rng_state()
    one, two = (ddim(exact(schedule), x, schedule, spaced_times(20, 5)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, two)
