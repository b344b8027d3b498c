"""Sentences about dancers, and the facts in them.

Each word of a fact has a phrase that occurs in the sentence if and only if it holds. Left and right are the picture's.

>>> facts = parse("A tall dancer with short black hair in a red top and blue trousers does the twist, facing left.")
>>> facts["height"], facts["top"], facts["dance"], facts["heading"], facts["brightness"]
('tall', 'red', 'twist', 'left', 'bright')
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from daedal.data.worlds import phrases
from daedal.data.worlds.dancers.clothes import CLOTHES, COLOURS, HAIR_NAMES, HAIR_STYLES
from daedal.data.worlds.dancers.dances import DANCES
from daedal.data.worlds.dancers.skeleton import measures
from daedal.data.worlds.dancers.stage import STAGES

DOES = {
    "waltz": "the waltz", "jumping jack": "jumping jacks", "twist": "the twist", "wave": "the wave",
    "robot": "the robot", "spin": "a spin", "kick": "high kicks", "disco": "the disco",
}  # fmt: skip
WORN = {
    "trousers": "top and {} trousers", "shorts": "top and {} shorts", "skirt": "top and a {} skirt",
    "jacket": "jacket and {} trousers",
}  # fmt: skip
STYLES = {
    "short": "with short", "long": "with long", "ponytail": "in a ponytail", "bun": "in a bun", "afro": "in an afro",
}  # fmt: skip
# Of each fact the words and their phrases, in ascending order of its value. Without a phrase a word is what a sentence
# means that is silent about the fact.
PHRASES: dict[str, dict[str, str]] = {
    "height": {"short": "A short", "average": "", "tall": "A tall"},
    "build": {"slim": "slim", "average": "", "sturdy": "sturdy"},
    "skin": {"light": "light-skinned", "brown": "brown-skinned", "dark": "dark-skinned"},
    "hair_style": {name: STYLES[name] for name in HAIR_STYLES},
    "hair_colour": {name: f"{name} hair" for name in HAIR_NAMES},
    "top": {name: f"in an {name}" if name == "orange" else f"in a {name}" for name in COLOURS},
    "trousers": {name: f"and (?:an? )?{name} (?:trousers|shorts|skirt)" for name in COLOURS},
    "clothes": {name: "top and [a-z]+ trousers" if name == "trousers" else name for name in CLOTHES},
    "dance": {name: f"does {DOES[name]}" for name in DANCES},
    "heading": {"away": "facing away", "left": "facing left", "front": "", "right": "facing right"},
    "background": {name: f"in the {name}" for name in STAGES},
    "light": {"left": "lit from the left", "front": "", "right": "lit from the right"},
    "brightness": {"dim": "in dim light", "bright": ""},
}
BOUNDS: dict[str, tuple[float, ...]] = {
    "height": (1.68, 1.77),
    "build": (0.89, 1.11),
    "skin": (0.35, 0.7),
    "hair_colour": (0.125, 0.375, 0.625, 0.875),
    "heading": (-145, -35, 35, 145),
    "light": (-20, 20),
    "brightness": (0.55,),
}
HEADINGS = (0, 1, 2, 3, 0)  # the word of each part of the circle


def facts(values: Mapping[str, Tensor]) -> list[dict[str, str]]:
    """The word of every fact, for each item."""
    size = measures(values)
    known = {**values, "height": size.height[:, 0], "build": size.build[:, 0]}
    return phrases.chosen({name: _numbers(name, known[name]) for name in PHRASES}, PHRASES)


def _numbers(name: str, value: Tensor) -> list[int]:
    places = phrases.places(value, BOUNDS[name]) if name in BOUNDS else value.tolist()
    return [HEADINGS[place] for place in places] if name == "heading" else places


def sentence(fact: Mapping[str, str]) -> str:
    """The facts in one sentence."""
    say = {name: PHRASES[name][fact[name]] for name in PHRASES}
    who = [say["height"] or "A", say["build"], say["skin"], "dancer"]
    style = fact["hair_style"]
    hair = f"{say['hair_style']} {say['hair_colour']}" if style in ("short", "long") else ""
    hair = hair or f"with {say['hair_colour']} {say['hair_style']}"
    worn = f"{say['top']} {WORN[fact['clothes']].format(fact['trousers'])}".replace("a orange", "an orange")
    first = " ".join(part for part in (*who, hair, worn, say["dance"], say["background"]) if part)
    return ", ".join([first, *(say[name] for name in ("heading", "light", "brightness") if say[name])]) + "."


def parse(caption: str) -> dict[str, str]:
    """The facts of a sentence."""
    return phrases.parse(caption, PHRASES)
