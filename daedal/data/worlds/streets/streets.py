"""The world `streets`: a drive along a street, which is given exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor

from daedal.data.worlds.scene import Scene
from daedal.data.worlds.streets import air, drive, words
from daedal.data.worlds.streets.buildings import END, ends, houses
from daedal.data.worlds.streets.cars import cars
from daedal.data.worlds.streets.events import EVENTS, aircraft, tsunami
from daedal.data.worlds.streets.furniture import crossings, lamp_heads, lamp_place, lamps, signals
from daedal.data.worlds.streets.ground import KERB_HEIGHT, dashes, ground
from daedal.data.worlds.streets.people import people
from daedal.data.worlds.streets.plants import trees
from daedal.data.worlds.streets.rig import coarse
from daedal.data.worlds.streets.site import CLASSES, KERB_AT, Site, joined, point
from daedal.data.worlds.world import Factor, Values, World

PARTS = (ground, dashes, ends, houses, trees, lamps, signals, crossings, cars, people, tsunami, aircraft)


@final
class Streets(World):
    """Streets of an invented town."""

    name: ClassVar[str] = "streets"
    stencil: ClassVar[tuple[str, ...]] = CLASSES
    factors: ClassVar[tuple[Factor, ...]] = (
        Factor("street", "which street: its houses, trees, lamps, and who may be on it", shown=False),
        Factor("weather", "the weather", choices=tuple(words.WEATHER), geometry=False),
        Factor("intensity", "how strong the weather is", geometry=False),
        Factor("hour", "time of day", 0, 24, geometry=False, circular=True),
        Factor("season", "trees have leaves or are bare", choices=words.SEASONS),
        Factor("height", "metres of the camera above the road", 1.5, 2.8),
        Factor("pan", "degrees that the camera looks to the right", -10, 10),
        Factor("tilt", "degrees that the camera looks up", -5, 7),
        Factor("traffic", "from no cars (0) to many (1)"),
        Factor("people", "from nobody (0) to many people (1)"),
        Factor("event", "an emergency", choices=EVENTS, shares=(0.9, 0.05, 0.05)),
        Factor(
            "actions", "what the drive does, each for a quarter of a second", size=drive.STEPS, choices=drive.ACTIONS,
            shares=(0.55, 0.15, 0.15, 0.15), shown=False,
        ),
    )  # fmt: skip
    usual: ClassVar[Mapping[str, float | str]] = {
        "street": 0.4, "weather": "Clear", "intensity": 1, "hour": 13, "season": "summer", "height": 1.9, "pan": 0,
        "tilt": 2, "traffic": 0.5, "people": 0.6, "event": "none", "actions": "forward",
    }  # fmt: skip
    domains: ClassVar[Mapping[str, str]] = {
        "day": "hour=13", "dusk": "hour=17.9", "night": "hour=23.5", "clear": "weather=Clear",
        "rain": "weather=Raining,intensity=1", "snow": "weather=SnowLight,intensity=1",
        "fog": "weather=Foggy,intensity=1", "summer": "season=summer", "winter": "season=winter", "photo": "rgb",
        "stencil": "stencil", "low": "rig", "high": "rgb", "painting": "painting",
    }  # fmt: skip
    edits: ClassVar[Mapping[str, str]] = {
        "make it night": "hour=23.5", "make it day": "hour=13", "add snow": "weather=SnowLight,intensity=1",
        "make it rain": "weather=Raining,intensity=1", "add fog": "weather=Foggy,intensity=1",
        "make it sunny": "weather=ExtraSunny,intensity=1", "make it winter": "season=winter",
        "make it summer": "season=summer", "remove the cars": "traffic=0", "add cars": "traffic=1",
        "remove the people": "people=0", "add people": "people=1", "call a tsunami": "event=tsunami",
        "let an aircraft fall": "event=falling aircraft", "let the emergency end": "event=none",
    }  # fmt: skip
    actions: ClassVar[tuple[str, ...]] = drive.ACTIONS
    action_seconds: ClassVar[float] = drive.STEP
    longest: ClassVar[float] = drive.LONGEST
    boxed: ClassVar[tuple[str, ...]] = ("car", "person")  # classes whose things have boxes
    least_share: ClassVar[float] = words.LEAST_SHARE  # of the picture: smaller things are neither boxed nor stated

    def scene(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> Scene:
        """The scenes of these values; in a clip the camera drives, cars drive and people walk, from the still on."""
        site = Site.of(values, moment)
        bodies = joined([part(site.many(1)) for part in PARTS])
        light = air.air(values, lamp_heads(site), moment)
        return Scene(drive.camera(values, site.time), light, bodies, 0 * site.time + 1)

    def rig(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> Scene:
        """The same street in little detail."""
        return coarse(self.scene(values, moment))

    def action(self, values: Mapping[str, Tensor], moment: Tensor) -> Tensor:
        """Which of `actions` is being done at `moment` (n,) seconds: int64 (n,)."""
        return drive.action(values, moment)

    def facts(self, values: Mapping[str, Tensor]) -> list[words.Fact]:
        """What can be said of each picture; of things only what is large enough: see `words`."""
        return words.facts(values, self.scene(values))

    @property
    def observable(self) -> tuple[Factor, ...]:
        """The weather, the season, the time of day, what is counted, an emergency, and where the camera looks."""
        shown = [self.factor(name) for name in ("weather", "season", "pan", "tilt")]
        counts = [Factor(name, "how many are large enough to be stated", 0, most) for name, most in words.MOST.items()]
        time = Factor("time", "of day", choices=tuple(dict.fromkeys(words.TIMES)))
        return (*shown, time, *counts, Factor("emergency", "that is to be seen", choices=EVENTS))

    def observed(self, values: Mapping[str, Tensor]) -> Values:
        """What is to be seen at the beginning."""
        facts, like = self.facts(values), values["hour"]
        times: list[str] = list(dict.fromkeys(words.TIMES))
        named = ("weather", "season", "pan", "tilt")
        counts = {name: like.new_tensor([fact[name] for fact in facts]) for name in words.MOST}
        time = torch.tensor([times.index(str(fact["hour"])) for fact in facts], device=like.device)
        emergency = torch.tensor([EVENTS.index(str(fact["event"])) for fact in facts], device=like.device)
        return {**{name: values[name] for name in named}, "time": time, **counts, "emergency": emergency}

    def caption(self, values: Mapping[str, Tensor]) -> list[str]:
        """One sentence each, which `words.parse` reads."""
        return [words.sentence(fact) for fact in self.facts(values)]

    def spoken(self) -> list[str]:
        """Sentences that have every word, as finding them in captions would take a picture each."""
        return words.examples()

    def points(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> dict[str, Tensor]:
        """Landmarks of the street, which stand still: on the kerbs, in the first lamps, and at the foot of the end."""
        site = Site.of(values, moment)
        kerbs = {"left_kerb": -KERB_AT - 0.1, "right_kerb": KERB_AT + 0.1}
        found = {
            f"{name}_{word}": point(site.time, x, KERB_HEIGHT, -z)
            for name, x in kerbs.items()
            for word, z in (("near", 8.0), ("far", 24.0))
        }
        found["left_lamp"], found["right_lamp"] = (lamp_place(site, side, 0) for side in (-1, 1))
        found["street_end"] = point(site.time, 0.0, 4.0, END)
        return found
