import math
from typing import Literal

import numpy as np
import pytest

from daedal.declare import Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Probability, Seed
from daedal.options import Option, OptionError, UnknownOption, check_options, kind_of, option_help, options_of

WORDS = {
    PositiveInt: "an integer in [1, inf)",
    NonNegativeInt: "an integer in [0, inf)",
    PositiveFloat: "a float in (0, inf)",
    NonNegativeFloat: "a float in [0, inf)",
    Fraction: "a float in [0, 1)",
    Probability: "a float in [0, 1]",
    Seed: "an integer in [0, 2**63)",
    bool: "True or False",
    str: "a string",
    Literal["a", "b"]: "one of 'a', 'b'",
    tuple[PositiveInt, ...]: "a tuple of integers in [1, inf)",
    PositiveInt | None: "an integer in [1, inf), or None",
    Literal["a", "b"] | None: "one of 'a', 'b', or None",
}


@pytest.mark.parametrize(("annotation", "words"), list(WORDS.items()), ids=list(WORDS.values()))
def test_a_kind_says_what_it_takes(annotation, words):
    assert kind_of(annotation).words == words


@pytest.mark.parametrize(
    ("annotation", "value", "kept"),
    [
        (PositiveInt, 1, 1),
        (PositiveInt, np.int64(3), 3),
        (NonNegativeFloat, 0, 0.0),
        (NonNegativeFloat, np.float32(0.5), 0.5),
        (Fraction, 0.999, 0.999),
        (Probability, 1, 1.0),
        (bool, True, True),
        (Literal["a", "b"], "b", "b"),
        (tuple[PositiveInt, ...], [32, 64], (32, 64)),
        (tuple[PositiveInt, ...], (), ()),
        (PositiveInt | None, None, None),
    ],
)
def test_what_is_taken_is_kept_in_its_own_type(annotation, value, kept):
    taken = Option("o", kind_of(annotation), None).check(value, "X")
    assert taken == kept
    assert type(taken) is type(kept)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (PositiveInt, 0),
        (PositiveInt, 2.0),
        (PositiveInt, True),
        (PositiveInt, "2"),
        (PositiveInt, None),
        (PositiveFloat, 0.0),
        (PositiveFloat, math.inf),
        (NonNegativeFloat, -1e-9),
        (NonNegativeFloat, math.nan),
        (Fraction, 1.0),
        (Probability, 1.0000001),
        (bool, 1),
        (str, 1),
        (Literal["a", "b"], "c"),
        (tuple[PositiveInt, ...], 32),
        (tuple[PositiveInt, ...], "32"),
        (tuple[PositiveInt, ...], (32, 0)),
    ],
)
def test_what_is_not_taken_is_named_with_what_is(annotation, value):
    option = Option("o", kind_of(annotation), None)
    with pytest.raises(OptionError) as refusal:
        option.check(value, "X")
    assert str(refusal.value) == f"'o' of X must be {option.kind.words}; got {value!r}."


@pytest.mark.parametrize(
    ("annotation", "texts", "value"),
    [
        (PositiveInt, ["12"], 12),
        (PositiveFloat, ["1e-3"], 1e-3),
        (NonNegativeFloat, ["4"], 4.0),
        (bool, ["true"], True),
        (Literal[1, 2], ["2"], 2),
        (tuple[PositiveInt, ...], ["32", "64"], (32, 64)),
        (tuple[PositiveInt, ...], ["32,64"], (32, 64)),
        (tuple[PositiveInt, ...], ["()"], ()),
        (tuple[PositiveInt, ...], [""], ()),
        (tuple[PositiveInt, ...], ["(32, 64)"], (32, 64)),
        (tuple[str, ...], [".1,.2", "b"], (".1,.2", "b")),
        (PositiveInt | None, ["None"], None),
    ],
)
def test_texts_are_read(annotation, texts, value):
    assert Option("o", kind_of(annotation), None).parse(texts, "X") == value


@pytest.mark.parametrize("value", [-1, 2.5])
def test_python_and_the_command_line_say_the_same(value):
    option = Option("beta", kind_of(Fraction), 0.0)
    with pytest.raises(OptionError) as said:
        option.check(value, "VAE")
    with pytest.raises(OptionError) as typed:
        option.parse([str(value)], "VAE")
    assert str(said.value) == str(typed.value)


def test_an_unknown_option_is_a_type_error_with_the_nearest_name():
    options = (Option("beta", kind_of(PositiveFloat), 1.0),)
    with pytest.raises(UnknownOption, match=r"^VAE has no option 'bta'. Did you mean 'beta'\?$") as unknown:
        check_options(options, {"bta": 1.0}, "VAE")
    assert isinstance(unknown.value, TypeError)


def test_options_of_a_function_come_with_default_and_help():
    def draw(n, *, steps: PositiveInt = 50, method: Literal["a", "b"] | None = None):
        """Draw.

        Options:
            steps: how many,
                in all
            method: which
        """

    steps, method = options_of(draw, draw.__doc__)
    assert (steps.name, steps.default, steps.help, steps.flag) == ("steps", 50, "how many, in all", "--steps")
    assert method.kind.choices == ("a", "b")
    assert method.kind.optional


def test_only_the_vocabulary_is_a_kind():
    with pytest.raises(TypeError, match="is no kind of option"):
        kind_of(dict)


def test_help_ends_with_its_section():
    assert option_help("Head.\n\nOptions:\n    a: one\n\nMore: text\n") == {"a": "one"}
    assert option_help("Head.") == option_help(None) == {}
