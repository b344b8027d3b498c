"""Schedules against the papers' formulas and against Bayes' rule."""

import math

import pytest
import torch

from daedal.probability.schedules import cosine, linear, spaced_times

SCHEDULES = [linear(1000), linear(200), linear(10), cosine(1000), cosine(50), linear(1)]


def test_linear_schedule_of_the_paper():
    schedule = linear(1000)
    assert schedule.betas[1] == pytest.approx(1e-4, rel=1e-12)
    assert schedule.betas[-1] == pytest.approx(0.02, rel=1e-12)
    assert schedule.kept[-1] == pytest.approx(4.04e-5, rel=2e-3)


def test_linear_schedule_keeps_its_end_at_other_lengths():
    assert linear(200).kept[-1].log() == pytest.approx(float(linear(1000).kept[-1].log()), rel=0.05)


def test_cosine_schedule_of_the_paper():
    betas = cosine(1000).betas
    assert betas[1] == pytest.approx(4.13e-5, rel=1e-3)
    assert betas[500] == pytest.approx(0.00316, rel=1e-2)
    assert int((betas >= 0.999).sum()) == 1


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: f"{s.steps}")
def test_single_steps_add_up_to_the_closed_form(schedule):
    mean, variance = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for t in range(1, schedule.steps + 1):
        alpha = 1 - schedule.betas[t]
        mean, variance = alpha.sqrt() * mean, alpha * variance + schedule.betas[t]
        assert abs(mean - schedule.signal[t]) < 1e-12
        assert abs(variance - schedule.noise[t] ** 2) < 1e-12
    assert schedule.signal[0] == 1
    assert schedule.noise[0] == 0


@pytest.mark.parametrize("jump", [(5, 4), (9, 2), (10, 9), (1, 0), (7, 0)])
def test_posterior_is_bayes_rule(jump):
    t, s = jump
    schedule = linear(10)
    a, b, v = schedule.posterior(t, s)
    step = schedule.kept[t] / schedule.kept[s]
    if s == 0:
        assert (a, b, v) == (1, 0, 0)
        return
    # q(x_s | x_t, x_0) is proportional to N(x_t; sqrt(step) x_s, 1 - step) N(x_s; signal_s x_0, noise_s^2)
    precision = step / (1 - step) + 1 / schedule.noise[s] ** 2
    assert v == pytest.approx(float(1 / precision), rel=1e-12)
    assert a == pytest.approx(float(schedule.signal[s] / schedule.noise[s] ** 2 / precision), rel=1e-12)
    assert b == pytest.approx(float(step.sqrt() / (1 - step) / precision), rel=1e-12)


def test_posterior_of_many_steps_is_that_of_each():
    schedule = cosine(30)
    t = torch.tensor([1, 7, 30])
    many = schedule.posterior(t, t - 1)
    for i, one in enumerate(t.tolist()):
        assert [float(x[i]) for x in many] == [float(x) for x in schedule.posterior(one, one - 1)]


def test_the_papers_beta_tilde():
    schedule, t = linear(1000), 400
    expected = (1 - schedule.kept[t - 1]) / (1 - schedule.kept[t]) * schedule.betas[t]
    assert schedule.posterior(t, t - 1)[2] == pytest.approx(float(expected), rel=1e-10)


def test_respaced_schedule_has_the_same_marginals():
    schedule = cosine(100)
    times = spaced_times(100, 7)
    torch.testing.assert_close(schedule.respace(times).kept[1:], schedule.kept[times], rtol=1e-12, atol=0)


@pytest.mark.parametrize(("steps", "count"), [(200, 50), (200, 200), (10, 3), (1000, 7), (5, 1)])
def test_spaced_times_are_distinct_and_end_at_the_last(steps, count):
    times = spaced_times(steps, count)
    assert len(times) == len(set(times)) == count
    assert times == sorted(times)
    assert times[0] >= 1
    assert times[-1] == steps


@pytest.mark.parametrize("schedule", SCHEDULES[:-1], ids=lambda s: f"{s.steps}")
def test_time_at_inverts_the_ratio(schedule):
    ratios = schedule.noise[1:] / schedule.signal[1:]
    torch.testing.assert_close(
        schedule.time_at(ratios), torch.arange(1.0, schedule.steps + 1, dtype=torch.float64), rtol=1e-9, atol=1e-9
    )
    between = (ratios[3] * ratios[4]).sqrt()
    assert schedule.time_at(between) == pytest.approx(4.5)
    assert schedule.time_at(torch.tensor([0.0, 1e9])).tolist() == [1.0, schedule.steps]


def test_betas_never_reach_one():
    for steps in (1, 2, 5, 20):
        assert linear(steps).betas.max() <= 0.999
        assert math.isfinite(float((linear(steps).noise[1:] / linear(steps).signal[1:]).max()))
