"""The order of the data: every item once an epoch, split over seats, a pure function of the number of draws."""

from types import SimpleNamespace

import torch

from daedal.play.stream import Source, Stream
from daedal.play.turn import Batch
from tests.small import vectors

DATA = vectors(n=68)  # 51 training items
ROLES = {"x": "x", "given": ["label"]}


def stream(seat=0, seats=1, batch_size=10, draws=0, seed=0, keep=None):
    source = Source(DATA.train, ROLES, torch.device("cpu"), torch.float32)
    made = Stream(source, batch_size, seat, seats, seed, stage=0)
    made.draws = draws
    return made


def rows(batch):
    """Which training items a batch holds."""
    everything = DATA.train.gather(range(len(DATA.train)))["x"]
    return [int((everything == item).all(1).nonzero()) for item in batch.x]


def test_an_epoch_shows_no_item_twice_and_drops_the_uneven_rest():
    batches = stream()
    seen = [row for _ in range(5) for row in rows(next(batches))]
    assert len(set(seen)) == len(seen) == 50
    following = [row for _ in range(5) for row in rows(next(batches))]
    assert following != seen


def test_seats_share_one_batch():
    whole = rows(next(stream()))
    halves = [rows(next(stream(seat, 2))) for seat in range(2)]
    assert halves[0] + halves[1] == whole


def test_draws_are_the_whole_state():
    ahead = stream()
    for _ in range(7):
        next(ahead)
    assert torch.equal(next(ahead).x, next(stream(draws=7)).x)
    assert not torch.equal(next(stream(seed=1)).x, next(stream(seed=0)).x)


def test_epoch_passes_once_over_everything_whatever_the_seats():
    seen = [row for seat in range(3) for batch in stream(seat, 3, 9).epoch() for row in rows(batch)]
    assert sorted(seen) == list(range(51))


def test_an_epoch_of_large_items_comes_in_small_batches(monkeypatch):
    def sizes():
        return [len(batch.x) for batch in stream().epoch()]

    assert sizes() == [51]
    monkeypatch.setattr("daedal.play.stream.NUMBERS", 4 * 20)  # an item has three and a label
    assert sizes() == [20, 20, 11]
    monkeypatch.setattr("daedal.play.stream.NUMBERS", 1)
    assert sizes() == [16, 16, 16, 3]


def test_items_of_up_to_4096_numbers_come_in_batches_of_4096():
    for dim, size in ((64, 4096), (4095, 4096), (8191, 2048), (2**21 - 1, 16)):
        items = SimpleNamespace(batch=lambda rows, dim=dim: Batch(torch.empty(1, dim), {"label": torch.zeros(1)}))
        assert Stream._chunk(SimpleNamespace(source=items)) == size


def test_large_data_is_gathered_and_gives_the_same_batches(monkeypatch):
    kept = next(stream())
    monkeypatch.setattr("daedal.play.stream.KEEP_BYTES", 0)
    gathered = stream()
    assert gathered.source.whole is None
    batch = next(gathered)
    assert torch.equal(batch.x, kept.x)
    assert torch.equal(batch.given["label"], kept.given["label"])
