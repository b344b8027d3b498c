"""The air of streets: where the sun stands, when lamps are on, and what each weather does, against what is stated."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from daedal.data.worlds.render import render
from daedal.data.worlds.scene import BOX, Builder, Scene
from daedal.data.worlds.streets.air import REACH, WEATHERS, air, ground, lightning, night
from daedal.data.worlds.streets.sun import sun_at, times
from tests.data.worlds.scenes import F64, camera_at

HOURS = torch.arange(0, 24, 0.25, dtype=F64)


def values(weather="Clear", hour=13.0, intensity=1.0, n=1, **more):
    """Values of n streets."""

    def every(x):
        return torch.as_tensor(x, dtype=F64).expand(n)

    street = (torch.arange(n) * 0.6180339887 % 1).to(F64)
    number = torch.tensor(WEATHERS.index(weather)).expand(n)
    known = {"weather": number, "hour": every(hour), "intensity": every(intensity), "street": street}
    return known | {name: torch.tensor(value).expand(n) for name, value in more.items()}


def lamps(n=1, count=2):
    return torch.arange(n * count * 3, dtype=F64).view(n, count, 3)


def test_the_sun_rises_at_6_in_the_east_culminates_in_the_south_at_60_degrees_and_sets_at_18():
    """East is z, south -x: the street leads west."""
    rise, noon, fall = sun_at(torch.tensor([6.0, 12, 18], dtype=F64))
    np.testing.assert_allclose(rise, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(noon, [-0.5, math.sin(math.radians(60)), 0], atol=1e-12)
    np.testing.assert_allclose(fall, [0, 0, -1], atol=1e-12)


def test_the_sun_goes_round_evenly_in_a_plane():
    """Spherical trigonometry of an equinox at 30 degrees: sin(height) = cos(30) cos(hour angle), 15 degrees an hour."""
    sun = sun_at(HOURS)
    np.testing.assert_allclose(sun.norm(dim=1), 1, atol=1e-12)
    turn = np.radians(15 * (HOURS.numpy() - 12))
    np.testing.assert_allclose(sun[:, 1], math.cos(math.radians(30)) * np.cos(turn), atol=1e-12)
    np.testing.assert_allclose((sun[1:] * sun[:-1]).sum(1), math.cos(math.radians(15 / 4)), atol=1e-12)
    afternoon, morning = sun_at(12 + HOURS / 2), sun_at(12 - HOURS / 2)
    np.testing.assert_allclose(afternoon, morning * torch.tensor([1, 1, -1]), atol=1e-12)


def test_day_dusk_and_night_share_each_hour():
    parts = times(HOURS)
    np.testing.assert_allclose(sum(parts), 1, atol=1e-12)
    assert all(bool((part >= 0).all()) for part in parts)
    for hour, part in ((13.0, 0), (6.0, 1), (18.2, 1), (23.0, 2)):
        assert times(torch.tensor([hour], dtype=F64))[part] > 0.6


def test_lamps_are_off_by_day_on_at_night_and_turned_on_smoothly():
    fair = torch.tensor([float(night(values(hour=h))) for h in HOURS])
    assert (fair[(HOURS >= 7) & (HOURS <= 17)] == 0).all()
    assert (fair[(HOURS <= 5) | (HOURS >= 19)] == 1).all()
    evening = fair[(HOURS >= 17) & (HOURS <= 19)]
    assert all(a <= b for a, b in pairwise(evening.tolist()))
    assert (evening.diff() < 0.6).all()


@pytest.mark.parametrize("weather", ["Foggy", "Raining", "ThunderStorm"])
def test_dark_weather_turns_some_lamps_on(weather):
    weak, strong = (float(night(values(weather, intensity=i))) for i in (0.0, 1.0))
    assert 0 < weak < strong < 1
    assert float(night(values(weather, hour=23.0))) == 1


def test_lamps_shine_by_what_night_says_from_where_they_are():
    for hour in (13.0, 18.0, 23.0):
        light = air(values(hour=hour), lamps())
        assert torch.equal(light.lamp, lamps())
        assert (light.lamp_reach == REACH).all()
        on = night(values(hour=hour))
        full = air(values(hour=0.0), lamps()).lamp_colour
        np.testing.assert_allclose(light.lamp_colour, on * full, atol=1e-12)


@pytest.mark.parametrize("weather", WEATHERS)
def test_light_is_dimmer_at_night_and_the_moon_stands_opposite_the_sun(weather):
    day, dark = (air(values(weather, hour=h), lamps()) for h in (13.0, 1.0))
    for name in ("sky", "low", "high"):
        assert (getattr(dark, name) < 0.5 * getattr(day, name)).all()
    assert (dark.sun_colour <= 0.2 * day.sun_colour).all()
    np.testing.assert_allclose(dark.sun, -sun_at(torch.tensor([1.0], dtype=F64)), atol=1e-12)
    assert dark.sun[0, 1] > 0


@pytest.mark.parametrize("weather", WEATHERS)
def test_no_light_comes_from_below_the_horizon_and_none_jumps(weather):
    """A quarter of a minute changes no colour by more than 0.02."""
    hours = torch.arange(0, 24, 1 / 240, dtype=F64)
    light = air(values(weather, hour=hours, n=len(hours)), lamps(len(hours)))
    assert (light.sun_colour[light.sun[:, 1] <= 0] == 0).all()
    calm = lightning(values(weather, hour=hours, n=len(hours)), 0 * hours) == 0
    for part in (light.sun_colour, light.low, light.high, light.sky, light.lamp_colour[:, 0]):
        assert part[calm].diff(dim=0).abs().max() < 0.02


def test_grey_weather_has_no_sun():
    for weather in ("OverCast", "Raining", "ThunderStorm", "SnowLight"):
        assert (air(values(weather), lamps()).sun_colour == 0).all()
    assert (air(values("Foggy"), lamps()).sun_colour == 0).all()
    sunny, clear, clearing = (air(values(w), lamps()).sun_colour.mean() for w in ("ExtraSunny", "Clear", "Clearing"))
    assert sunny > clear
    assert clearing > 0


FALLS = {"Raining": "rain", "ThunderStorm": "rain", "SnowLight": "snow"}


@pytest.mark.parametrize("weather", WEATHERS)
def test_what_falls_and_lies_in_each_weather(weather):
    for intensity in (0.0, 0.5, 1.0):
        light, (wet, white) = air(values(weather, intensity=intensity), lamps()), ground(values(weather, 13, intensity))
        assert light.weather is not None
        for name in ("rain", "snow"):
            amount = float(getattr(light.weather, name))
            assert (0.3 <= amount <= 1) if FALLS.get(weather) == name else amount == 0
        assert (0.3 <= wet <= 1) if weather in ("Raining", "ThunderStorm", "Clearing") else wet == 0
        assert (0.3 <= white <= 1) if weather == "SnowLight" else white == 0
        assert torch.equal(light.weather.wet, wet)


def test_winter_dusts_the_ground_less_than_snowfall_and_less_where_it_rains():
    dry, rainy, snowy = (ground(values(w, season=1))[1] for w in ("Clear", "Raining", "SnowLight"))
    assert 0 < rainy < dry < snowy
    assert ground(values("Clear", season=0))[1] == 0


def wall(builder, distance, side):
    builder.add(BOX, (side, 0, -distance - 1), (abs(side), 30, 1), colour=(0.4, 0.5, 0.3), stencil=1)


@pytest.mark.parametrize("intensity", [0.0, 0.6, 1.0])
def test_fog_dims_by_the_exponent_of_depth(intensity):
    """Of two like walls without lamps at 10 and 25 m: (c - fog colour) falls by exp(-fog 15 m)."""
    builder = Builder(1, dtype=F64)
    wall(builder, 10.0, -20)
    wall(builder, 25.0, 20)
    light = air(values("Foggy", intensity=intensity), lamps(count=0))
    scene = Scene(camera_at(1, (0, 0, 0), (0, 0, -1)), light, builder.bodies(), torch.ones(1, dtype=F64))
    found = render(scene, 16, shadows=False)["rgb"][0].square() - light.fog_colour[0, :, None, None]
    ratio = found[:, 8, 15] / found[:, 8, 0]
    np.testing.assert_allclose(ratio, math.exp(-15 * float(light.fog)), rtol=1e-9)
    assert float(light.fog) == pytest.approx(0.030 + intensity * (0.085 - 0.030))


def test_lightning_strikes_storms_now_and_then_and_brightens_the_sky():
    """A share of 0.16 of eighths of seconds, by a z-test over 4000 of them; none in other weather."""
    n = 4000
    moment = torch.arange(n, dtype=F64) % 40 / 8
    storm = values("ThunderStorm", n=n)
    flash = lightning(storm, moment)
    assert abs(float((flash > 0).double().mean()) - 0.16) < 4 * math.sqrt(0.16 * 0.84 / n)
    assert flash.max() <= 1
    assert (lightning(values("Raining", n=n), moment) == 0).all()
    light = air(storm, lamps(n), moment)
    assert light.high[flash > 0].amin() > 2 * light.high[flash == 0].amax()


def test_air_is_the_same_in_any_batch():
    n = 64
    given = values(n=n) | {
        "weather": torch.arange(n) % 8,
        "hour": torch.linspace(0, 23.9, n),
        "intensity": torch.linspace(0, 1, n),
    }
    given["street"] = given["street"].float()
    moment, places = torch.linspace(0, 9, n), lamps(n).float()
    whole = air(given, places, moment)
    for rows in ([5], [63, 2, 17], list(range(n))[::-1]):
        part = air({name: value[rows] for name, value in given.items()}, places[rows], moment[rows])
        assert_same(part, whole[rows])
        assert_same(part.weather, whole.weather[rows])


def assert_same(found, expected):
    for name, part in vars(expected).items():
        if isinstance(part, torch.Tensor):
            assert torch.equal(getattr(found, name), part), name
