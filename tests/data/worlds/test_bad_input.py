"""What is asked of a world and cannot be: one sentence each, that lists what exists."""

import pytest

from daedal.data.cache import cache_folder
from daedal.data.load import load_data
from daedal.data.worlds.simulator import Simulator
from daedal.errors import UsageError
from tests.data.worlds.tiny import Tiny

FACTORS = "size, shade, shift, hat, tint"
SIZE = "must be an integer in [8, 8192], or height x width such as '32x24'"
PAIR = "'correlation' must be two factors and a number in [-1, 1], such as beard,age,0.8"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 7}, f"'size' of tiny {SIZE}; got 7."),
        ({"size": "32x4"}, f"'size' of tiny {SIZE}; got 32x4."),
        ({"size": 8.5}, "'size' must be an integer in [1, 8192], or height x width such as '32x24'; got 8.5."),
        ({"n": 9}, "'n' (--limit) of tiny must be an integer in [10, inf); got 9."),
        ({"seed": -1}, "'seed' must be an integer in [0, 2**63); got -1."),
        ({"mirror": True}, "'mirror' is for images that are read, and tiny are rendered; leave it out."),
        ({"fields": ("depht",)}, "'fields' of tiny must be a tuple of values of 'depth', 'normal', 'stencil', "),
        ({"fields": ("flow",)}, "'flow' is between two frames; ask for clips with 'frames' (--frames 8)."),
        ({"fields": ("rig",)}, "'rig' is no field of tiny, which nothing drives; leave it out."),
        ({"frames": 1}, "'frames' of tiny must be an integer in [2, inf), or None; got 1."),
        ({"frame_rate": 0.0}, "'frame_rate' of tiny must be a float in (0, inf); got 0.0."),
        ({"label": "hut"}, f"'hut' is no factor of tiny; its factors are {FACTORS}. Did you mean 'hat'?"),
        ({"label": "size"}, "'label' of tiny must be a factor with choices (hat, tint); got 'size'."),
        ({"correlation": "size,shape,1"}, f"'shape' is no factor of tiny; its factors are {FACTORS}."),
        ({"correlation": "size,shift,1"}, "'shift' of tiny has several values and cannot be correlated"),
        ({"correlation": "size,size,1"}, "'correlation' must be of two factors; got 'size' twice."),
        ({"correlation": "size,hat"}, PAIR),
        ({"correlation": ("size", "hat", 1.5)}, PAIR),
        ({"test_correlation": 2.0}, "'test_correlation' of tiny must be a float in [-1, 1]; got 2.0."),
        ({"endles": True}, "'endles' is no option of load_data here; the options are size, "),
    ],
)  # fmt: skip
def test_options_that_cannot_be_used(options, message):
    with pytest.raises(UsageError) as caught:
        load_data("tiny", **{"n": 40, "size": 8, **options})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not (cache_folder() / "worlds").exists()


def test_a_mistyped_option_has_a_hint():
    with pytest.raises(UsageError, match="Did you mean 'endless'"):
        load_data("tiny", endles=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hut": 1}, f"'hut' is no factor of tiny; its factors are {FACTORS}. Did you mean 'hat'?"),
        ({"hat": "always"}, "'always' is no value of 'hat' of tiny; its values are no, yes."),
        ({"hat": 2}, "'2' is no value of 'hat' of tiny; its values are no, yes."),
        (
            {"tint": "gren"},
            "'gren' is no value of 'tint' of tiny; its values are red, green, blue. Did you mean 'green'?",
        ),
        ({"size": 2}, "'size' of tiny must be a number in [0.3, 0.9]; got 2."),
        ({"size": "big"}, "'size' of tiny must be a number in [0.3, 0.9]; got 'big'."),
        ({"shift": 0.1}, "'shift' of tiny must be 2 numbers in [-0.3, 0.3]; got 0.1."),
    ],
)
def test_changes_that_cannot_be(changes, message):
    with pytest.raises(UsageError) as caught:
        Simulator(Tiny(), (8, 8)).rerender(0, **changes)
    assert str(caught.value) == message


@pytest.mark.parametrize("index", [-1, 0.5, "one"])
def test_an_index_must_be_one(index):
    with pytest.raises(UsageError, match=r"'index' of a world must be an integer in \[0, inf\); got"):
        Simulator(Tiny(), (8, 8)).rerender(index)
