"""Sentences about streets, and the facts in them.

What is stated of a picture is the weather, the season, the time of day, and how many cars, people, trees and traffic
lights there are. Of these, and of an emergency, only what covers at least `LEAST_SHARE` of the picture is stated: in a
reference picture of 64 x 64 at the beginning, whatever the size of the picture that is asked for.

>>> parse("A foggy winter night street with two cars and a tree.")["car"]
2
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from daedal.data.worlds.render import render
from daedal.data.worlds.scene import Scene
from daedal.data.worlds.streets.events import EVENTS
from daedal.data.worlds.streets.site import CARS, FALLING, PEOPLE, SIGNALS, SORT, TREES, TSUNAMI

REFERENCE = 64  # pixels: height and width of the picture in which things are measured
LEAST_SHARE = 0.003  # of its pixels: 13 of 4,096

Fact = dict[str, str | int]

WEATHER = {
    "ExtraSunny": "sunny", "Clear": "clear", "Foggy": "foggy", "OverCast": "overcast", "Raining": "rainy",
    "ThunderStorm": "stormy", "Clearing": "clearing", "SnowLight": "snowy",
}  # fmt: skip
SEASONS = ("summer", "winter")
TIMES = ("night", "morning", "midday", "afternoon", "evening", "night")
HOURS = (5.25, 11.0, 14.0, 17.0, 18.75)  # between them; the sun rises at 6 and sets at 18
COUNTED = {  # a thing: the first of its ids, and its words
    "car": (CARS, "car", "cars"),
    "person": (PEOPLE, "person", "people"),
    "tree": (TREES, "tree", "trees"),
    "traffic_light": (SIGNALS, "traffic light", "traffic lights"),
}
MOST = {"car": 6, "person": 6, "tree": 6, "traffic_light": 2}  # that an oracle counts
NUMBERS = ("no", "a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
HAPPENING = {"none": "", "tsunami": "and a tsunami rolling in", "falling aircraft": "and an aircraft falling"}


def facts(values: Mapping[str, Tensor], scene: Scene) -> list[Fact]:
    """What can be said of each picture, of these values and the scenes of their beginning."""
    ids = render(scene, REFERENCE, outputs=("instance",))["instance"].flatten(1)
    weather = [list(WEATHER)[k] for k in values["weather"].tolist()]
    season = [SEASONS[k] for k in values["season"].tolist()]
    bounds = torch.tensor(HOURS, dtype=values["hour"].dtype, device=values["hour"].device)
    hour = [TIMES[k] for k in torch.bucketize(values["hour"], bounds, right=True).tolist()]
    counts = {name: large(ids, first).sum(1).tolist() for name, (first, *_) in COUNTED.items()}
    happening = large(ids, TSUNAMI)[:, 0].long() + 2 * large(ids, FALLING)[:, 0].long()
    event = [EVENTS[k] for k in happening.tolist()]
    rows = {"weather": weather, "season": season, "hour": hour, **counts, "event": event}
    return [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]


def large(ids: Tensor, first: int) -> Tensor:
    """Which things of a sort, whose ids begin at `first`, cover enough of pictures (n, pixels): bool (n, SORT)."""
    inside = torch.where((ids >= first) & (ids < first + SORT), ids - first, SORT)
    pixels = torch.zeros(len(ids), SORT + 1, dtype=torch.int64, device=ids.device)
    pixels.scatter_add_(1, inside, torch.ones_like(inside))
    return pixels[:, :SORT] >= LEAST_SHARE * ids.shape[1]


def sentence(fact: Fact) -> str:
    """The facts in one sentence."""
    kind = f"{WEATHER[str(fact['weather'])]} {fact['season']} {fact['hour']} street"
    things = [_counted(name, int(fact[name])) for name in COUNTED if fact[name]]
    listed = ", ".join(things[:-1]) + " and " * (len(things) > 1) + "".join(things[-1:])
    article = "An" if kind[0] in "aeiou" else "A"
    more = [f"with {listed}" if things else "", HAPPENING[str(fact["event"])]]
    return " ".join([article, kind, *(part for part in more if part)]) + "."


def examples() -> list[str]:
    """Sentences in which every word occurs that any may have, and as many as the longest has.

    >>> examples()[1]
    'A clear winter morning street with a car, a person, a tree and a traffic light and a tsunami rolling in.'
    """
    return [
        sentence(
            {
                "weather": list(WEATHER)[k % len(WEATHER)],
                "season": SEASONS[k % len(SEASONS)],
                "hour": TIMES[k % len(TIMES)],
                **dict.fromkeys(COUNTED, k),
                "event": EVENTS[k % len(EVENTS)],
            }
        )
        for k in range(len(NUMBERS))
    ]


def _counted(name: str, count: int) -> str:
    _, one, several = COUNTED[name]
    return f"{NUMBERS[count] if count < len(NUMBERS) else count} {one if count == 1 else several}"


def parse(caption: str) -> Fact:
    """The facts of a sentence; of things that it does not mention, there are none."""
    adjective, season, hour = caption.split()[1:4]
    found: Fact = {"weather": {word: name for name, word in WEATHER.items()}[adjective], "season": season, "hour": hour}
    for name, (_, one, several) in COUNTED.items():
        said = re.search(rf"(\w+) (?:{one}|{several})\b", caption)
        found[name] = 0 if said is None else _number(said[1])
    found["event"] = next(name for name in reversed(EVENTS) if HAPPENING[name] in caption)
    return found


def _number(word: str) -> int:
    return NUMBERS.index(word) if word in NUMBERS else int(word)
