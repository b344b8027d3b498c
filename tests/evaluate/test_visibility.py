import json
import math

import numpy as np
import pytest
import torch

from daedal.data.worlds.catalogue import WORLDS, find_world
from daedal.data.worlds.render import render
from daedal.data.worlds.scene import ELLIPSOID, Builder, Camera, Light, Scene
from daedal.data.worlds.world import Factor, World
from daedal.evaluate import visibility

CIRCULAR = [(name, f.name) for name in WORLDS for f in find_world(name).factors if f.circular]
RADIUS, AROUND, FOCAL, AWAY = 0.4, 0.9, 2.5, 4.0


class Orbit(World):
    """A white ball goes round before a black backdrop; nothing else is to be seen, and two factors change nothing."""

    name = "orbit"
    factors = (
        Factor("place", "degrees", -180, 180, circular=True),
        Factor("idle", "what changes nothing", size=2),
        Factor("which", "which one", shown=False),
        Factor("kind", "whether it is there", choices=("here", "here too", "gone"), shares=(0.5, 0.5, 0)),
    )
    stencil = ("backdrop", "ball", "unseen")

    def scene(self, values, moment=None):
        n, angle = len(values["place"]), values["place"] * (math.pi / 180)
        builder = Builder(n)
        place = (AROUND * angle.sin(), AROUND * angle.cos(), torch.zeros(n))
        here = {"where": values["kind"] < 2, "colour": (1.0, 1.0, 1.0), "stencil": 1, "instance": 1}
        builder.add(ELLIPSOID, place, (RADIUS,) * 3, **here)
        camera = Camera.looking(_row(n, 0.0, 0.0, AWAY), torch.zeros(n, 3), torch.full((n,), FOCAL))
        return Scene(camera, _light(n), builder.bodies(), torch.ones(n))

    def caption(self, values):
        return ["A ball."] * len(values["place"])

    def points(self, values, moment=None):
        return {}


def _row(n, *numbers):
    return torch.tensor(numbers).expand(n, len(numbers)).contiguous()


def _light(n):
    none, dark, bright = torch.zeros(n), torch.zeros(n, 3), torch.ones(n, 3)
    lamps = {"lamp": torch.zeros(n, 0, 3), "lamp_colour": torch.zeros(n, 0, 3), "lamp_reach": torch.zeros(n, 0)}
    sun = {"sun": _row(n, 0.0, 1.0, 0.0), "sun_colour": dark, "sun_width": none}
    return Light(
        sky=bright, ground=bright, low=dark, high=dark, studio=torch.ones(n), fog=none, fog_colour=dark, **sun, **lamps
    )


def pixels_of_the_ball(size, degrees, samples=2):
    """Pixels of which some ray meets the ball, by the angle between the ray and its centre."""
    place = (2 * (np.arange(size * samples) + 0.5) / samples - size) / size / FOCAL
    u, v = np.meshgrid(place, -place)
    rays = np.stack([u, v, -np.ones_like(u)], -1)
    angle = math.radians(degrees)
    centre = np.array([AROUND * math.sin(angle), AROUND * math.cos(angle), -AWAY])
    along = rays @ centre / np.linalg.norm(rays, axis=-1)
    met = along**2 > centre @ centre - RADIUS**2
    return met.reshape(size, samples, size, samples).any((1, 3))


@pytest.fixture(scope="module", autouse=True)
def _few():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visibility, "ITEMS", 3)
        yield


@pytest.fixture(scope="module")
def found(_few):
    return visibility.visibility(Orbit())


def test_half_of_the_range_of_what_goes_round_is_compared(found):
    for size in visibility.SIZES:
        pixels = pixels_of_the_ball(size, -180) ^ pixels_of_the_ball(size, 0)
        assert found["place"][str(size)] == {"median": pixels.sum(), "least": pixels.sum()}


def test_the_ends_of_what_goes_round_are_one_picture(found, monkeypatch):
    straight = tuple(Factor(f.name, f.meaning, f.low, f.high) for f in Orbit.factors[:1])
    monkeypatch.setattr(Orbit, "factors", (*straight, *Orbit.factors[1:]))
    assert visibility.visibility(Orbit())["place"]["64"] == {"median": 0, "least": 0}


def test_classes_are_where_the_changed_pixels_lie(found):
    both = {"place": torch.tensor([-180.0, 0.0]), "kind": torch.zeros(2, dtype=torch.int64)}
    centres = int((render(Orbit().scene(both), 64, outputs=["stencil"])["stencil"] == 1).sum())
    shares = found["place"]["classes"]
    assert shares["ball"] == pytest.approx(centres / (2 * found["place"]["64"]["median"]), abs=1e-6)
    assert shares["ball"] + shares["backdrop"] == pytest.approx(1, abs=1e-6)


def test_each_number_and_the_first_and_last_choice_are_compared(found):
    assert list(found) == ["place", "idle 1", "idle 2", "kind"]
    assert found["idle 1"]["64"] == found["idle 2"]["32"] == {"median": 0, "least": 0}
    assert sum(found["idle 1"]["classes"].values()) == 0
    places = Orbit().draw(torch.arange(visibility.ITEMS) + visibility.FIRST)["place"].tolist()
    counts = sorted(pixels_of_the_ball(64, degrees).sum() for degrees in places)
    assert found["kind"]["64"] == {"median": counts[(len(counts) - 1) // 2], "least": counts[0]}


def test_a_table_leaves_out_what_matters_to_no_factor(found):
    head, _, place, *_ = visibility.table(Orbit(), found).splitlines()
    assert head == "| factor | 64 px | least | 32 px | least | backdrop | ball |"
    cells = [cell.strip() for cell in place.strip("|").split("|")]
    assert cells[:2] == ["place", str(found["place"]["64"]["median"])]
    assert int(cells[5]) + int(cells[6]) == 100


def test_the_table_takes_the_place_of_the_one_in_the_page(found, monkeypatch, tmp_path):
    monkeypatch.setattr(visibility, "ROOT", tmp_path)
    monkeypatch.setattr(visibility, "find_world", lambda name: Orbit())
    monkeypatch.setattr(visibility, "visibility", lambda world: found)
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "orbit.md"
    page.write_text("before\n<!-- visibility -->\nold\n<!-- end -->\nafter\n")
    visibility.main("orbit")
    table = visibility.table(Orbit(), found)
    assert page.read_text() == f"before\n<!-- visibility -->\n{table}\n<!-- end -->\nafter\n"
    assert json.loads((tmp_path / "results" / "worlds" / "orbit.json").read_text())["factors"] == found


@pytest.mark.parametrize(("world", "name"), CIRCULAR)
def test_what_worlds_say_to_go_round_looks_alike_at_both_ends(world, name):
    of = find_world(world)
    values, factor = of.draw(torch.arange(2)), of.factor(name)
    ends = [values | {name: torch.full((2,), float(end))} for end in (factor.low, factor.high)]
    one, other = (render(of.scene(end), 24, shadows=False)["rgb"] for end in ends)
    assert (one - other).abs().mean() < 1e-4  # a ray at an edge may meet the other body, by rounding


@pytest.mark.parametrize("world", WORLDS)
def test_the_pages_show_what_was_measured(world):
    record = json.loads((visibility.ROOT / "results" / "worlds" / f"{world}.json").read_text())
    of = find_world(world)
    assert visibility.table(of, record["factors"]) in (visibility.ROOT / "docs" / f"{world}.md").read_text()
    assert list(record["factors"]) == [
        label for f in visibility._shown(of) for label, _ in visibility._ends(f, of.draw(torch.arange(1)))
    ]
