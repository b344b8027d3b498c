"""Sentences about portraits, and the facts in them.

A factor's value falls into one of a few words; each word has a phrase that occurs in the sentence if and only if it
holds, so that reading is looking for phrases. Left and right are the picture's.

>>> facts = parse("A young light-skinned woman with long blond hair in curls, smiling, facing left.")
>>> facts["masculinity"], facts["hair_colour"], facts["glasses"], facts["yaw"], facts["roll"]
('woman', 'blond', 'none', 'left', 'upright')
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from daedal.data.worlds import phrases
from daedal.data.worlds.portraits.glasses import SHAPES
from daedal.data.worlds.portraits.hair import STYLES
from daedal.data.worlds.portraits.palette import BACKDROPS, CLOTHES_NAMES, HAIR_NAMES

# Of each factor the words and their phrases, in ascending order of its values, and between them the bounds.
# Without a phrase a word is what a sentence means that is silent about the factor.
PHRASES: dict[str, dict[str, str]] = {
    "age": {"young": "young", "middle-aged": "middle-aged", "old": "old"},
    "skin": {"light": "light-skinned", "brown": "brown-skinned", "dark": "dark-skinned"},
    "masculinity": {"woman": "woman", "person": "person", "man": "man"},
    "hair_length": {"cropped": "with cropped", "short": "with short", "long": "with long"},
    "hair_colour": {name: f"{name} hair" for name in HAIR_NAMES},
    "hair_style": dict(
        zip(STYLES, ("with a fringe", "with a parting", "in curls", "in a bun", "in a mohawk"), strict=True)
    ),
    "glasses": {name: "" if name == "none" else f"{name} glasses" for name in SHAPES},
    "beard": {"none": "", "stubble": "stubble", "trimmed": "a trimmed beard", "full": "a full beard"},
    "smile": {"frown": "frowning", "neutral": "", "smile": "smiling"},
    "mouth_open": {"closed": "", "open": "mouth open"},
    "yaw": {"left": "facing left", "ahead": "", "right": "facing right"},
    "pitch": {"down": "looking down", "level": "", "up": "looking up"},
    "roll": {"left": "leaning left", "upright": "", "right": "leaning right"},
    "clothes": {name: f"{name} sweater" for name in CLOTHES_NAMES},
    "background": {name: f"{name} backdrop" for name in BACKDROPS},
    "light": {"left": "lit from the left", "front": "", "right": "lit from the right"},
    "saturation": {
        "none": "in black and white",
        "pale": "in pale colours",
        "natural": "",
        "strong": "in strong colours",
    },
}
BOUNDS: dict[str, tuple[float, ...]] = {
    "age": (1 / 3, 2 / 3),
    "skin": (0.35, 0.7),
    "masculinity": (0.35, 0.65),
    "hair_length": (0.25, 0.55),
    "hair_colour": (0.125, 0.375, 0.625, 0.875),
    "beard": (0.12, 0.4, 0.7),
    "smile": (-0.3, 0.3),
    "mouth_open": (0.35,),
    "yaw": (-12, 12),
    "pitch": (-7, 7),
    "roll": (-7, 7),
    "clothes": (0.125, 0.375, 0.625, 0.875),
    "light": (-25, 25),
    "saturation": (0.15, 0.7, 1.2),
}


def facts(values: Mapping[str, Tensor]) -> list[dict[str, str]]:
    """The word of every factor but identity, for each item."""
    return phrases.chosen({name: _numbers(name, values[name]) for name in PHRASES}, PHRASES)


def _numbers(name: str, value: Tensor) -> list[int]:
    return phrases.places(value, BOUNDS[name]) if name in BOUNDS else value.tolist()


def sentence(fact: Mapping[str, str]) -> str:
    """The facts in one sentence."""
    say = {name: PHRASES[name][word] for name, word in fact.items()}
    worn = [say[name] for name in ("glasses", "beard") if say[name]]
    article = "An" if fact["age"] == "old" else "A"
    whole = ("age", "skin", "masculinity", "hair_length", "hair_colour", "hair_style")
    person = " ".join([article, *(say[name] for name in whole)])
    more = [say[name] for name in ("smile", "mouth_open", "yaw", "pitch", "roll")]
    more += [f"in a {say['clothes']}", f"before a {say['background']}", say["light"], say["saturation"]]
    return ", ".join([" and ".join([person, *worn]), *(part for part in more if part)]) + "."


def parse(caption: str) -> dict[str, str]:
    """The facts of a sentence."""
    return phrases.parse(caption, PHRASES)
