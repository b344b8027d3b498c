"""What the air of a street does by hour and weather: sun and moon, sky, clouds, fog, rain, snow and lamps.

`air` is a Light with a Weather; `ground` says how wet and how white what lies under it is; `night` how much artificial
light is on. They are functions of the values `hour`, `weather`, `intensity` and `street` (of `season` too for the
ground) and change no geometry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from daedal.data.worlds.keyed import uniform
from daedal.data.worlds.scene import Light, Weather, srgb
from daedal.data.worlds.streets.sun import darkness, sun_at, times
from daedal.data.worlds.textures import step

Colour = tuple[float, float, float]
Range = tuple[float, float]  # at intensity 0 and at intensity 1

WARM, LOW_SUN, MOON = (1.0, 0.93, 0.80), (1.0, 0.42, 0.12), (0.30, 0.40, 0.62)
LAMP, REACH = (1.05, 0.66, 0.30), 5.0  # the colour of street lamps; metres
LAMPLIT = (0.16, 0.13, 0.10)  # what drops and flakes get of lamps at night
FLASHES = 8  # windows of time a second in which lightning may strike
STRIKES = 0.16  # the share of them in which it does
FLASH = (0.72, 0.74, 0.92)


@dataclass(frozen=True)
class Air:
    """One weather: colours as a screen shows them at the horizon and the zenith by day, dusk and night."""

    low: tuple[Colour, Colour, Colour]
    high: tuple[Colour, Colour, Colour]
    sun: Range  # strength of the sun's and the moon's light
    sky: float  # strength of the light from all of the sky
    fog: Range = (0.002, 0.002)
    cloud: Range = (0.0, 0.0)
    lights: Range = (0.0, 0.0)  # share of the artificial light that is on by day
    rain: Range = (0.0, 0.0)
    snow: Range = (0.0, 0.0)
    wet: Range = (0.0, 0.0)
    white: Range = (0.0, 0.0)  # snow that lies
    halo: float = 1.0
    saturation: float = 1.0


CLEAR_NIGHT = ((0.11, 0.14, 0.27), (0.02, 0.03, 0.11))
GREY_NIGHT = ((0.15, 0.15, 0.18), (0.08, 0.085, 0.11))

AIRS = {
    "ExtraSunny": Air(
        ((0.50, 0.74, 1.00), (1.00, 0.56, 0.22), CLEAR_NIGHT[0]),
        ((0.07, 0.27, 0.78), (0.22, 0.24, 0.52), CLEAR_NIGHT[1]),
        sun=(1.10, 1.35), sky=0.40, fog=(0.0, 0.0),
    ),
    "Clear": Air(
        ((0.74, 0.85, 0.95), (0.96, 0.62, 0.38), CLEAR_NIGHT[0]),
        ((0.30, 0.52, 0.86), (0.34, 0.34, 0.54), CLEAR_NIGHT[1]),
        sun=(0.75, 0.85), sky=0.55, cloud=(0.29, 0.17),
    ),
    "Foggy": Air(
        ((0.78, 0.80, 0.81), (0.70, 0.57, 0.52), (0.29, 0.27, 0.26)),
        ((0.74, 0.77, 0.79), (0.56, 0.49, 0.50), (0.20, 0.19, 0.20)),
        sun=(0.15, 0.0), sky=0.75, fog=(0.030, 0.085), lights=(0.2, 0.5), halo=0.0,
    ),
    "OverCast": Air(
        ((0.72, 0.73, 0.75), (0.52, 0.43, 0.45), GREY_NIGHT[0]),
        ((0.56, 0.58, 0.62), (0.33, 0.31, 0.38), GREY_NIGHT[1]),
        sun=(0.0, 0.0), sky=0.85, fog=(0.004, 0.006), halo=0.0,
    ),
    "Raining": Air(
        ((0.57, 0.60, 0.64), (0.42, 0.36, 0.40), GREY_NIGHT[0]),
        ((0.44, 0.47, 0.52), (0.27, 0.26, 0.33), GREY_NIGHT[1]),
        sun=(0.0, 0.0), sky=0.75, fog=(0.008, 0.014), lights=(0.1, 0.3), rain=(0.35, 0.85), wet=(0.6, 1.0), halo=0.0,
    ),
    "ThunderStorm": Air(
        ((0.40, 0.43, 0.43), (0.27, 0.22, 0.27), (0.12, 0.11, 0.16)),
        ((0.18, 0.20, 0.22), (0.12, 0.11, 0.18), (0.05, 0.05, 0.09)),
        sun=(0.0, 0.0), sky=1.6, fog=(0.008, 0.014), cloud=(0.42, 0.50), lights=(0.5, 0.8), rain=(0.7, 1.0),
        wet=(0.8, 1.0), halo=0.0,
    ),
    "Clearing": Air(
        ((0.62, 0.76, 0.92), (1.00, 0.58, 0.30), CLEAR_NIGHT[0]),
        ((0.22, 0.44, 0.78), (0.30, 0.30, 0.50), CLEAR_NIGHT[1]),
        sun=(0.60, 0.85), sky=0.5, fog=(0.003, 0.003), cloud=(0.62, 0.46), wet=(0.5, 0.9),
    ),
    "SnowLight": Air(
        ((0.86, 0.87, 0.90), (0.66, 0.58, 0.62), (0.27, 0.26, 0.30)),
        ((0.76, 0.78, 0.82), (0.48, 0.46, 0.55), (0.18, 0.18, 0.22)),
        sun=(0.0, 0.0), sky=0.75, fog=(0.006, 0.012), lights=(0.0, 0.15), snow=(0.35, 0.9), white=(0.5, 1.0), halo=0.0,
    ),
}  # fmt: skip
WEATHERS = tuple(AIRS)
WINTER = 1  # of the choices of `season`
DUSTED = 0.3  # snow that lies in winter when none falls


def air(values: Mapping[str, Tensor], lamps: Tensor, moment: Tensor | None = None) -> Light:
    """Sun, sky and air of the values; `lamps` (n, l, 3) are places of street lamps, `moment` (n,) seconds of a clip."""
    hour = values["hour"]
    moment = torch.zeros_like(hour) if moment is None else moment
    flash = lightning(values, moment)[:, None]
    low, high = (_mixed(values, name) for name in ("low", "high"))
    low, high = (c + flash * (c.new_tensor(FLASH) - c) for c in (low, high))
    sun, colour, halo = _sun(values)
    sky = _skylight(values, low, high)
    fog_colour = low + 0.3 * (high - low)
    on = night(values)[:, None, None].expand(-1, lamps.shape[1], 1)
    return Light(
        sun=sun,
        sun_colour=colour,
        sun_width=torch.zeros_like(hour),
        sky=sky,
        ground=0.45 * sky,
        lamp=lamps,
        lamp_colour=on * lamps.new_tensor(LAMP),
        lamp_reach=torch.full_like(lamps[..., 0], REACH),
        fog=_number(values, "fog"),
        fog_colour=fog_colour,
        low=low,
        high=high,
        studio=torch.zeros_like(hour),
        weather=_weather(values, moment, low, high, colour, halo),
    )


def night(values: Mapping[str, Tensor]) -> Tensor:
    """How much artificial light is on (n,): 0 on a fair day, 1 at night; some in rain, storms and fog."""
    return torch.maximum(darkness(values["hour"]), _number(values, "lights"))


def ground(values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """How wet, and how covered with snow (n,) in [0, 1], what lies under the sky is."""
    wet, white = _number(values, "wet"), _number(values, "white")
    if "season" in values:
        lying = torch.where(values["season"] == WINTER, DUSTED, 0.0) * (1 - 0.5 * wet)
        white = torch.maximum(white, lying)
    return wet, white


def lightning(values: Mapping[str, Tensor], moment: Tensor) -> Tensor:
    """How bright a flash lights the sky (n,) in [0, 1]: of thunderstorms, in some eighths of a second."""
    window = (moment * FLASHES).floor().to(torch.int64)
    index = (values["street"] * (1 << 24)).long() * 4096 + window
    u = uniform(0, "streets lightning", index, 2)
    strikes = (u[:, 0] < STRIKES) & (values["weather"] == WEATHERS.index("ThunderStorm"))
    return torch.where(strikes, 0.6 + 0.4 * u[:, 1], 0.0)


def _number(values: Mapping[str, Tensor], name: str) -> Tensor:
    """A range of the weather at its intensity (n,)."""
    intensity = values["intensity"]
    table = intensity.new_tensor([getattr(air, name) for air in AIRS.values()])[values["weather"]]
    return table[:, 0] + intensity * (table[:, 1] - table[:, 0])


def _mixed(values: Mapping[str, Tensor], name: str) -> Tensor:
    """A colour of the weather at its hour (n, 3), in linear light."""
    hour = values["hour"]
    table = hour.new_tensor([[srgb(*colour) for colour in getattr(air, name)] for air in AIRS.values()])
    day, dusk, dark = (part[:, None] for part in times(hour))
    own = table[values["weather"]]
    return day * own[:, 0] + dusk * own[:, 1] + dark * own[:, 2]


def _sun(values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Direction, light and halo (n, 3) of the sun, or of the moon when it is down. At the horizon neither shines."""
    sun = sun_at(values["hour"])
    height = sun[:, 1]
    warm, low, moon = (sun.new_tensor(c) for c in (WARM, LOW_SUN, MOON))
    colour = low + step(height, 0.0, 0.45)[:, None] * (warm - low)
    strength = step(height, 0.0, 0.14)[:, None]
    moonlight = 0.13 * step(-height, 0.10, 0.35)[:, None] * moon
    shining = _number(values, "sun")[:, None]
    halo = sun.new_tensor([air.halo for air in AIRS.values()])[values["weather"]][:, None]
    glow = halo * (0.45 * step(height, -0.2, 0.0)[:, None] * colour + 3 * moonlight)
    up = torch.where(height[:, None] > -0.05, sun, -sun)
    return up, shining * (strength * colour + moonlight), glow


def _skylight(values: Mapping[str, Tensor], low: Tensor, high: Tensor) -> Tensor:
    """The light of all of the sky (n, 3): its mean colour, half grey, and never quite nothing."""
    mean = (low + high) / 2
    grey = (0.30 * mean[:, 0] + 0.59 * mean[:, 1] + 0.11 * mean[:, 2])[:, None]
    strength = low.new_tensor([air.sky for air in AIRS.values()])[values["weather"]][:, None]
    return strength * (mean + grey) * 0.6 + low.new_tensor((0.012, 0.014, 0.024))


def _weather(
    values: Mapping[str, Tensor], moment: Tensor, low: Tensor, high: Tensor, sun: Tensor, halo: Tensor
) -> Weather:
    index = (values["street"] * (1 << 24)).long()
    phase, wind = uniform(0, "streets air", index, 2).to(moment).unbind(1)
    storm = values["weather"] == WEATHERS.index("ThunderStorm")
    lit = darkness(values["hour"])[:, None] * low.new_tensor(LAMPLIT)
    white = (0.30 * low[:, 0] + 0.59 * low[:, 1] + 0.11 * low[:, 2])[:, None] + 0.55 * sun
    return Weather(
        rain=_number(values, "rain"),
        snow=_number(values, "snow"),
        colour=0.03 + 1.35 * low + lit,
        wind=(2 * wind - 1) * torch.where(storm, 0.40, 0.12),
        phase=phase,
        moment=moment,
        cloud=_number(values, "cloud"),
        cloud_colour=torch.where(storm[:, None], 0.35 * high, 0.25 * low + 0.65 * white),
        halo=halo,
        wet=_number(values, "wet"),
    )
