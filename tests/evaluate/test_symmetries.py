import numpy as np
import torch

from daedal.data.worlds.catalogue import find_world
from daedal.data.worlds.simulator import Simulator
from daedal.evaluate.degradations import Places
from daedal.evaluate.symmetries import MIRRORED, mirrored, other_sides, varied

SIZE = 32
FIELDS = ("x", "stencil", "points")


def portraits(values=None, n=24):
    """Pictures, places and values of portraits; or of the values given."""
    of = Simulator(find_world("portraits"), (SIZE, SIZE), seed=3, fields=FIELDS[1:])
    values = of.values(np.arange(n)) if values is None else values
    x, classes, points = (torch.from_numpy(np.asarray(of.raw(name, values))) for name in FIELDS)
    places = Places(classes.reshape(-1, SIZE, SIZE).long(), points.reshape(len(classes), -1, 2).float())
    return x.float().div(127.5).sub(1), places, values, of


def test_a_portrait_in_a_mirror_is_the_portrait_of_its_mirrored_values():
    x, places, values, of = portraits()
    sides, parted = other_sides(of.landmarks), values["hair_style"] == 1
    image, there, turned = mirrored(x, places, values, MIRRORED["portraits"], sides)
    drawn, known, _, _ = portraits(turned)
    assert torch.allclose(there.points, known.points, atol=1e-3)
    agree = (there.classes == known.classes).float().mean((1, 2))
    assert agree[~parted].min() > 0.99
    assert agree[parted].mean() < agree[~parted].mean()  # a parting is on one side
    far = (image - drawn).abs().mean((1, 2, 3))
    unturned = (x - drawn).abs().mean((1, 2, 3))
    assert far[~parted].max() < 0.03  # strands and other noise are not mirrored
    assert (far < unturned / 2).all()


def test_landmarks_change_sides():
    assert other_sides(["chin", "right_eye_outer", "left_eye_outer"]) == [0, 2, 1]


def test_a_picture_is_moved_and_mirrored_with_its_places_and_nothing_else_changes():
    x, places, values, of = portraits(n=200)
    sides, generator = other_sides(of.landmarks), torch.Generator().manual_seed(0)
    by = [(1, 0), (0, -1)]
    found, there, turned = varied(x, places, values, generator, signs=MIRRORED["portraits"], sides=sides, by=by)
    mirror = turned["yaw"] != values["yaw"]
    assert 70 < mirror.sum() < 130
    assert all(torch.equal(turned[k], v) for k, v in values.items() if k not in MIRRORED["portraits"])
    assert torch.equal(turned["light"], torch.where(mirror, -values["light"], values["light"]))
    counts = {(1, 0): 0, (0, -1): 0}
    for k in range(len(x)):
        before = mirrored(x[[k]], places[[k]], {}, (), sides) if mirror[k] else (x[[k]], places[[k]])
        for across, down in by:
            shifted = np.pad(before[0][0].numpy(), ((0, 0), (1, 1), (1, 1)), mode="edge")
            shifted = shifted[:, 1 - down : 1 - down + SIZE, 1 - across : 1 - across + SIZE]
            if np.array_equal(shifted, found[k].numpy()):
                counts[across, down] += 1
                moved = there.points[k] - before[1].points[0]
                assert torch.allclose(moved, torch.tensor([across, down]).float().expand_as(moved), atol=1e-5)
                known = np.pad(before[1].classes[0].numpy(), 1, mode="edge")
                known = known[1 - down : 1 - down + SIZE, 1 - across : 1 - across + SIZE]
                assert np.array_equal(known, there.classes[k].numpy())
    assert sum(counts.values()) == len(x)
    assert min(counts.values()) > 70


def test_worlds_without_a_mirror_are_only_moved():
    x, places, values, _ = portraits(n=4)
    found, there, same = varied(x, places, values, torch.Generator().manual_seed(0), signs=None, sides=[], by=[(0, 0)])
    assert torch.equal(found, x)
    assert torch.equal(there.classes, places.classes)
    assert all(torch.equal(same[k], v) for k, v in values.items())
