"""The report: it shows what rows.json says, needs no other file, and lets nobody's text become markup."""

import base64
import copy
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from daedal.evaluate.exhibits import Exhibits, read_exhibits, write_exhibits
from daedal.evaluate.markup import element, join
from daedal.evaluate.plots import LINE_POINTS, Frame, grid, label_chart, line_chart, ticks
from daedal.evaluate.report import render
from daedal.spaces import Images

EVIL = "<script>alert('x')</script>&\""
VOID = {"br", "img", "link", "meta"}


class Page(HTMLParser):
    """Tags that are opened and closed in order, cells of tables, what is referred to."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.sources, self.rows, self.text = [], [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href", "action", "data")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data + "|"


def measure(value, kind="measured", floor=None, spread=None):
    return {"value": value, "kind": kind, "floor": floor, "spread": spread, "n": 500, "better": None}


def row(name, **changes):
    metrics = {
        "fd-digits": measure(12.34, floor=1.5, spread=0.1),
        "precision": measure(0.9, floor=0.95),
        "coverage": measure(0.8),
        "bits-per-dim": measure(2.5, "bound"),
        "images-per-second": measure(1234.0),
    }
    run = {"seed": 0, "folder": f"{name}/0", "status": "ok", "reason": None, "metrics": metrics}
    about = {"summary": "What it is.", "authors": "Doe, J.", "year": 2014}
    return {
        "system": name, "status": "ok", "reason": None, "steps": 1000, "seconds": 20.1, "metrics": metrics,
        "exact_copies": 0.0, "density_gap": None, "about": about, "runs": [run], **changes,
    }  # fmt: skip


@pytest.fixture
def record():
    worse = row("worse")
    worse["metrics"] = worse["runs"][0]["metrics"] = {
        **worse["metrics"], "fd-digits": measure(99.9, floor=1.5, spread=0.1), "precision": measure(0.5),
    }  # fmt: skip
    bad = row("bad", status="failed", reason="It broke.", metrics={}, steps=None, seconds=None)
    bad["runs"][0] |= {"status": "failed", "trace": f"Traceback: {EVIL}"}
    return {
        "format": 1, "finished": True, "rows": [row("good"), worse, bad],
        "data": {"name": "digits", "fingerprint": "abc123", "train": 1297, "test": 500,
                 "fields": {"x": Images(1, 8, 8, 17).to_json()}},
        "settings": {"seconds": 20.0, "repeats": 1, "seed": 7, "x": "x", "given": [],
                     "command": "daedal compare digits"},
        "machine": {"processor": "A processor", "cores": "2 cores"}, "versions": {"daedal": "0.1.0", "torch": "2.13.0"},
        "started": "2025-01-01 10:00", "took": 61.0,
    }  # fmt: skip


@pytest.fixture
def folder(record, tmp_path):
    """Where the systems' pictures and logs are: items whose pixels say which they are."""
    items = np.linspace(-1, 1, 64, dtype=np.float32)[:, None, None, None] * np.ones((64, 1, 8, 8), np.float32)
    for name in ("good", "worse"):
        home = tmp_path / name / "0"
        (home / "run").mkdir(parents=True)
        write_exhibits(
            home, Exhibits(items, items[::-1], items[::2].repeat(2, 0), items[:20], items[20:40], items[None, :10])
        )
        lines = [{"step": i, "critic/loss": -float(i), "synthesiser/loss": float(i)} for i in range(1, 30)]
        (home / "run" / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def pictures(page):
    data = [s.split(",", 1)[1] for s in page.sources if s.startswith("data:image/png;base64,")]
    return [Image.open(io.BytesIO(base64.b64decode(d))).convert("RGBA") for d in data]


def test_the_page_is_whole_and_needs_no_other_file(record, folder):
    text = render(record, folder)
    page = Page(text)
    assert page.open == []
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    assert not re.search(r"url\(|@import|https?://", text)


def test_what_people_named_is_escaped(record, folder):
    for path in (["data", "name"], ["rows", 0, "system"], ["rows", 2, "reason"], ["settings", "command"]):
        evil = copy.deepcopy(record)
        target = evil
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = EVIL
        page = Page(render(evil, folder))
        assert "script" not in page.tags
        assert EVIL in page.text


def test_the_table_says_what_the_rows_say(record, folder):
    rows = {cells[0].rstrip("|"): cells[1:] for cells in Page(render(record, folder)).rows}
    assert rows["good"] == ["12.3|floor 1.5|", "0.90|", "0.80|", "2.500|bound|", "1,234|"]
    assert rows["worse"][0] == "99.9|floor 1.5|"
    assert rows["real items"] == ["1.50|", "0.95|", "", "", ""]
    assert rows["bad"] == ["It broke.|"]
    assert rows["System"] == ["FD-digits| ↓|", "Precision| ↑|", "Coverage| ↑|", "Bits/dim| ↓|", "Samples/s| ↑|"]


def test_only_a_clear_best_is_marked(record, folder):
    text = render(record, folder)
    assert '<span class="best">12.3</span>' in text
    assert '<span class="best">0.90</span>' in text
    assert re.findall(r'class="(?:best|tied)">([^<]*)', text) == ["12.3", "0.90"]


def test_repeats_have_a_plus_minus_and_one_repeat_has_none(record, folder):
    assert "±" not in Page(render(record, folder)).text
    record["rows"][0]["runs"] *= 3
    page = Page(render(record, folder))
    assert "± 0.100" in page.text


def test_words_failures_and_circumstances_are_there(record, folder):
    text = Page(render(record, folder)).text
    for part in ("Three systems on digits", "good: 0.90", "It broke.", "Traceback", "abc123", "A processor",
                 "torch 2.13.0", "daedal compare digits", "Doe, J., 2014", "1,000 steps",
                 "Exact copies: 0.0%"):  # fmt: skip
        assert part in text
    assert "stopped before its end" not in text
    assert "stopped before its end" in Page(render({**record, "finished": False}, folder)).text


def test_the_head_says_the_budget_and_what_was_used(record, folder):
    for system, used in zip(record["rows"], (18.34, 25.71, None), strict=True):
        system["runs"][0]["seconds"] = used
    assert "with a budget of 20 seconds (18.3 to 25.7 s used), and judged" in Page(render(record, folder)).text
    record["settings"]["seconds"] = 1.0
    for system in record["rows"]:
        system["runs"][0]["seconds"] = None
    assert "with a budget of 1 second, and judged" in Page(render(record, folder)).text


def test_code_in_a_summary_is_code_and_authors_are_a_list(record, folder):
    record["rows"][0]["about"] = {
        "summary": "It has `n` < 3 parts.",
        "authors": "Li, A. and Wu, B. and Ng, C.",
        "year": 9,
    }
    text = render(record, folder)
    assert "<p>It has <code>n</code> &lt; 3 parts (Li, A., Wu, B. and Ng, C., 9).</p>" in text


def test_pictures_show_items_and_the_nearest_at_the_same_place(record, folder):
    shown = pictures(Page(render(record, folder)))
    real, samples, nearest = shown[:3]
    assert real.size == samples.size == nearest.size
    side = real.width // 8
    centre = lambda picture, i: picture.getpixel((i % 8 * side + side // 2, i // 8 * side + side // 2))[0]  # noqa: E731
    level = lambda i: round((np.linspace(-1, 1, 64)[i] + 1) * 127.5)  # noqa: E731
    for i in (0, 1, 9, 63):
        assert centre(real, i) == pytest.approx(level(i), abs=1)
        assert centre(samples, i) == pytest.approx(level(63 - i), abs=1)
        assert centre(nearest, i) == pytest.approx(level(i // 2 * 2), abs=1)
    assert len(shown) == 2 * 5  # with codes: also rebuilt and between


def test_what_samples_were_given_is_said(record, folder):
    assert "given the" not in Page(render(record, folder)).text
    record["settings"]["given"] = ["label"]
    assert "each given the label of the real item at its place" in Page(render(record, folder)).text


def test_a_report_without_its_folder_is_still_one(record, tmp_path):
    page = Page(render(record, tmp_path / "gone"))
    assert pictures(page) == []
    assert "Three systems on digits" in Page(render(record)).text


def test_vectors_are_points_with_their_density_gap(record, tmp_path):
    home = tmp_path / "good" / "0"
    home.mkdir(parents=True)
    points = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    write_exhibits(home, Exhibits(points, points + 0.1))
    record["rows"][0]["density_gap"] = {"value": 0.25, "spread": 0.1, "n": 200, "kind": "bound"}
    text = render(record, tmp_path)
    assert "at most 0.250 ± 0.196 nats" in Page(text).text
    drawn = re.findall(r'class="dots hue-\d"', text)
    assert len(drawn) == 3  # real; an empty layer, samples


def test_vectors_of_one_test_item_are_points_too(record, tmp_path):
    """One item has no principal direction, and still the plane needs two."""
    home = tmp_path / "good" / "0"
    home.mkdir(parents=True)
    points = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    write_exhibits(home, Exhibits(points[:1], points))
    assert len(re.findall(r'class="dots hue-\d"', render(record, tmp_path))) == 3


def test_captions_of_training_say_what_a_point_is(record, folder):
    log = folder / "good" / "0" / "run" / "log.jsonl"
    lines = [{"step": i, "model/loss": i, "model/gradient-norm": i, "system/inertia": i} for i in range(1, 30)]
    log.write_text("\n".join(map(json.dumps, lines)))
    text = Page(render(record, folder)).text
    assert "Loss over steps; means between log points." in text
    assert "clipping; means between log points for a player whose gradient is clipped, else of the one step" in text
    assert "The inertia over steps; as it was at each log point." in text


def test_damaged_exhibits_leave_the_pictures_out(tmp_path):
    assert read_exhibits(tmp_path) is None
    (tmp_path / "exhibits.npz").write_bytes(b"PK\x03\x04 cut")
    assert read_exhibits(tmp_path) is None


# -- markup, grids and charts


def test_markup_is_escaped_once_and_only_where_it_is_text():
    inner = element("b", EVIL)
    assert str(element("p", inner, title=EVIL)).count("&lt;script&gt;") == 2
    assert element("p", element("b", "x")) == "<p><b>x</b></p>"
    assert (
        element("svg", viewBox="0 0 1 1", stroke_width=2, hidden=False)
        == '<svg viewBox="0 0 1 1" stroke-width="2"></svg>'
    )
    assert join("a", None, ["<", element("br")]) == "a&lt;<br/>"


def test_the_middle_frame_of_a_clip_and_every_channel_is_shown():
    clip = np.stack([np.full((3, 4, 4), v, np.float32) for v in (-1, 0.2, 1)])
    clip[1, 1] = 1.0
    picture = grid(clip[None], 1)
    assert picture.convert("RGB").getpixel((5, 5)) == (153, 255, 153)


def test_a_line_goes_through_its_points():
    points = [(x, 3.0 * x - 5) for x in range(11)]
    text = line_chart({"loss": points}, "step", "loss")
    drawn = [tuple(map(float, p.split())) for p in re.search(r'<path d="M([^"]*)"', text)[1].split("L")]
    assert len(drawn) == 11
    xs, ys = zip(*drawn, strict=True)
    assert np.allclose(np.diff(xs), np.diff(xs)[0], atol=0.11)
    assert np.allclose(np.diff(ys), np.diff(ys)[0], atol=0.11)
    assert ys[0] > ys[-1]  # up is less in SVG


def test_a_steep_start_is_cut_and_values_that_are_not_finite_are_left_out():
    points = [(0, 1e6), (1, float("nan")), *((x, 1.0 + 0.1 * (x % 3)) for x in range(2, 50))]
    text = line_chart({"loss": points}, "step", "loss")
    assert "nan" not in text
    labels = [float(t) for t in re.findall(r'class="tick">([\d.,-]+)<', text) if float(t.replace(",", "")) < 5]
    assert max(labels) < 3
    assert "Nothing was logged" in line_chart({"loss": []}, "step", "loss")


def test_long_courses_are_thinned_to_their_means():
    text = line_chart({"loss": [(x, 1.0 + x % 2) for x in range(3000)]}, "step", "loss")
    assert len(re.search(r'<path d="M([^"]*)"', text)[1].split("L")) == LINE_POINTS


def test_labels_do_not_cover_each_other():
    text = label_chart({f"system-{i}": (0.5 + 0.01 * i, 0.5) for i in range(4)}, "x", "y")
    places = [(float(x), float(y)) for x, y in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*class="label"', text)]
    assert len(set(places)) == 4
    assert min(abs(a[1] - b[1]) + abs(a[0] - b[0]) for i, a in enumerate(places) for b in places[:i]) > 8


def test_points_that_cover_each_other_share_a_label():
    text = label_chart({"vae": (0.5, 0.5), "gan": (0.501, 0.5), "ddpm": (0.9, 0.9)}, "x", "y")
    assert re.findall(r'class="label">([^<]*)', text) == ["ddpm", "vae, gan"]
    assert text.count("<circle") == 3


@pytest.mark.parametrize(
    ("steps", "expected"), [(2, ["1", "2"]), (4, ["1", "2", "3", "4"]), (11, ["2", "4", "6", "8", "10"])]
)
def test_steps_are_counted_in_integers(steps, expected):
    text = line_chart({"loss": [(i, 1.0) for i in range(1, steps + 1)]}, "step", "loss")
    assert re.findall(r'text-anchor="middle">([\d.,]+)<', text) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 5, 10]), (0.0, 1.0, [0, 0.5, 1]), (-3, 3, [-2, 0, 2]), (0, 2000, [0, 500, 1000, 1500, 2000])],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high, 4) == pytest.approx(expected)


def test_a_frame_of_one_value_has_a_width():
    frame = Frame((5, 5), (0, 0))
    assert frame.place(5, 0) == pytest.approx(((52 + 450) / 2, (10 + 196) / 2))
