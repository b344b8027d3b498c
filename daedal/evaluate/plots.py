"""Pictures for the report: grids of images as PNG, charts as SVG that takes its colours from the page."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image

from daedal.data.grid import image_grid
from daedal.evaluate.markup import Markup, element, join

Points = Sequence[tuple[float, float]]
Box = tuple[float, float, float, float]

GRID_PIXELS = 640  # about how wide a grid is made: twice what the page shows, for fine screens
STEEP = 5.0  # a curve whose first tenth takes more than this many times the range of the rest is cut at the top
LARGE = 48  # pixels of an image from which on it is not enlarged: the file would grow with the picture
LINE_POINTS = 300  # more than this many points of a curve cannot be seen
WIDTH, HEIGHT = 460, 230  # of a chart, in its own units
MAP_HEIGHT = 340
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 34  # margins for the axes
NEAR, MOST_TOGETHER = 5.0, 4  # points of a map nearer than a dot's radius share a label, of so many names at most

# Where a label may stand beside its point: close by, then further off with a line to it.
PLACES = [(9.0, 4.0, "start"), (-9.0, 4.0, "end"), (7.0, -7.0, "start"), (7.0, 15.0, "start")]
PLACES += [(-7.0, -7.0, "end"), (-7.0, 15.0, "end")]
PLACES += [
    (side * dx, float(dy), "start" if side > 0 else "end")
    for dx in (22.0, 90.0)
    for r in range(7)
    for dy in (4 - 14 * r, 4 + 14 * r)
    for side in (1, -1)
]


# -- images


def grid(items: np.ndarray, columns: int, *, gap_after: int = 0) -> Image.Image:
    """Images (n, c, h, w) or clips (n, f, c, h, w) in [-1, 1] in rows of `columns`, on a clear ground.

    Of a clip the middle frame is shown. With `gap_after`, a wider gap follows every so many rows.
    """
    pictures = [_picture(item) for item in items]
    width, height = pictures[0].size
    scale = 1 if width >= LARGE else max(1, round(GRID_PIXELS / (columns * width)))
    gap = max(2, scale * width // 16)
    rows = math.ceil(len(pictures) / columns)
    extra = gap * 4
    gaps = (rows - 1) // gap_after if gap_after else 0
    step_x, step_y = width * scale + gap, height * scale + gap
    sheet = Image.new("RGBA", (columns * step_x - gap, rows * step_y - gap + gaps * extra))
    for i, picture in enumerate(pictures):
        row, column = divmod(i, columns)
        shift = extra * (row // gap_after) if gap_after else 0
        large = picture.resize((width * scale, height * scale), Image.Resampling.NEAREST)
        sheet.paste(large, (column * step_x, row * step_y + shift))
    return sheet


def _picture(item: np.ndarray) -> Image.Image:
    one = torch.from_numpy(item[len(item) // 2] if item.ndim == 4 else item)
    return image_grid(one[None], scale=1, padding=0)


def best_columns(width: int) -> int:
    """How many images of a width fit side by side: 8 small ones, fewer of large ones."""
    return max(4, min(8, GRID_PIXELS // 2 // max(1, width)))


def image_element(image: Image.Image, alt: str) -> Markup:
    """An <img> that carries its own data."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return element("img", src=f"data:image/png;base64,{data}", alt=alt, width=image.width // 2)


# -- charts


def line_chart(series: Mapping[str, Points], x_title: str, y_title: str) -> Markup:
    """Lines over a common x, which counts, with a legend where there are several.

    Points that are not finite are left out, and so is a start that would flatten all the rest.
    """
    clean = {name: _thin([p for p in points if all(map(math.isfinite, p))]) for name, points in series.items()}
    clean = {name: points for name, points in clean.items() if points}
    if not clean:
        return element("p", "Nothing was logged.", class_="empty")
    xs = [x for points in clean.values() for x, _ in points]
    frame = Frame((min(xs), max(xs)), _y_range(clean.values()), whole=True)
    inside = [[(x, y) for x, y in points if frame.y[0] <= y <= frame.y[1]] for points in clean.values()]
    lines = [
        element("path", d=_line([frame.place(x, y) for x, y in points]), class_=f"line hue-{i % 6}")
        for i, points in enumerate(inside)
        if points
    ]
    return join(frame.draw(lines, x_title, y_title), _legend(list(clean)) if len(clean) > 1 else None)


def label_chart(points: Mapping[str, tuple[float, float]], x_title: str, y_title: str) -> Markup:
    """Named points with coordinates in [0, 1], the axes cut to what they need."""
    spans = [_round_span([point[axis] for point in points.values()]) for axis in (0, 1)]
    frame = Frame(spans[0], spans[1], height=MAP_HEIGHT)
    places = {name: frame.place(*point) for name, point in points.items()}
    boxes = [(x - 6, y - 6, x + 6, y + 6) for x, y in places.values()]  # what labels may not cover
    marks = []
    for names in _together(places):
        label, box = _free_place(", ".join(names), *places[names[0]], boxes)
        boxes.append(box)
        dots = [
            element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=4.5, class_="dot") for x, y in [places[n] for n in names]
        ]
        marks += [*label, *dots]
    return frame.draw(marks, x_title, y_title)


def _together(places: Mapping[str, tuple[float, float]]) -> list[list[str]]:
    """Names in groups that share a label, since their points cover each other; from the top down."""
    groups: list[list[str]] = []
    for name, place in sorted(places.items(), key=lambda item: item[1][1]):
        near = [group for group in groups if math.dist(places[group[0]], place) < NEAR and len(group) < MOST_TOGETHER]
        if near:
            near[0].append(name)
        else:
            groups.append([name])
    return groups


def _round_span(values: Sequence[float]) -> tuple[float, float]:
    """A span of tenths within [0, 1] around the values."""
    low, high = math.floor(min(values) * 10 - 0.3) / 10, math.ceil(max(values) * 10 + 0.3) / 10
    return max(0.0, low), min(1.0, high) if max(values) <= 1 else high


def _free_place(name: str, x: float, y: float, boxes: Sequence[Box]) -> tuple[list[Markup], Box]:
    """A label near its point where it covers least of `boxes`, with a line to it if it is far; and its box."""
    width = 6.8 * len(name)
    best: tuple[float, list[Markup], Box] | None = None
    for far, (dx, dy, anchor) in enumerate(PLACES):
        left = x + dx - (width if anchor == "end" else 0)
        box = (left, y + dy - 11, left + width, y + dy + 3)
        outside = box[0] < LEFT or box[2] > WIDTH or box[1] < 0 or box[3] > MAP_HEIGHT - BOTTOM + 4
        cost = sum(_overlap(box, other) for other in boxes) + 1e4 * outside + far
        if best is None or cost < best[0]:
            text = element("text", name, x=f"{x + dx:.1f}", y=f"{y + dy:.1f}", text_anchor=anchor, class_="label")
            edge = {"x2": f"{x + dx - 3:.1f}", "y2": f"{y + dy - 4:.1f}"}
            line = element("line", x1=f"{x:.1f}", y1=f"{y:.1f}", **edge, class_="leader") if abs(dx) > 9 else None
            best = (cost, [part for part in (line, text) if part is not None], box)
    assert best is not None
    return best[1], best[2]


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def scatter(layers: Mapping[str, np.ndarray], bounds: np.ndarray) -> Markup:
    """Points of the plane, (n, 2) a layer, in the box `bounds` [[x0, y0], [x1, y1]]: a square chart without axes."""
    (x0, y0), (x1, y1) = bounds
    size = max(x1 - x0, y1 - y0) or 1.0
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    drawn = []
    for i, points in enumerate(layers.values()):
        place = (points - centre) / size * 280 * np.array([1, -1]) + 150
        place = place[(np.abs(place - 150) <= 149).all(1)]
        dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in place)  # a line of no length with round ends is a dot
        drawn.append(element("path", d=dots, class_=f"dots hue-{i}"))
    return element("svg", drawn, viewBox="0 0 300 300", class_="scatter", role="img")


class Frame:
    """The axes of a chart, and where a point lies within them."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], height: int = HEIGHT, whole: bool = False):
        self.x, self.y = _widen(x), _widen(y)
        self.height, self.whole = height, whole  # whether x counts something

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The position of a point in the chart's units."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), self.height - BOTTOM - up * (self.height - TOP - BOTTOM)

    def draw(self, marks: Sequence[Markup], x_title: str, y_title: str) -> Markup:
        """The chart: grid lines, numbers, titles and the marks."""
        parts: list[Markup] = []
        for y in ticks(*self.y, 5):
            _, py = self.place(self.x[0], y)
            parts += [element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{py:.1f}", y2=f"{py:.1f}", class_="rule")]
            parts += [element("text", _tick(y), x=LEFT - 7, y=f"{py + 4:.1f}", text_anchor="end", class_="tick")]
        for x in ticks(*self.x, 5, self.whole):
            px, _ = self.place(x, self.y[0])
            below = {"x": f"{px:.1f}", "y": self.height - BOTTOM + 16, "text_anchor": "middle"}
            parts += [element("text", _tick(x), class_="tick", **below)]
        middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
        titles = [
            element("text", x_title, x=middle, y=self.height - 3, text_anchor="middle", class_="axis"),
            element("text", y_title, transform=f"translate(11 {self.height / 2 - 8}) rotate(-90)",
                    text_anchor="middle", class_="axis"),
        ]  # fmt: skip
        size = f"0 0 {WIDTH} {self.height}"
        return element("svg", parts, list(marks), titles, viewBox=size, class_="chart", role="img")


def ticks(low: float, high: float, about: int, whole: bool = False) -> list[float]:
    """Round numbers within a range, about so many: steps of 1, 2 or 5 times a power of ten, perhaps integers only.

    >>> ticks(0, 1, 4)
    [0.0, 0.5, 1.0]
    """
    rough = max((high - low) / max(about, 1), 1.0 if whole else 0.0)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _tick(value: float) -> str:
    if value and (abs(value) >= 1e5 or abs(value) < 1e-3):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:,.6g}"


def _widen(span: tuple[float, float]) -> tuple[float, float]:
    low, high = span
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))


def _y_range(lines) -> tuple[float, float]:
    """From the lowest to the highest value; a start that would flatten all that follows is left out."""
    values = [y for points in lines for _, y in points]
    settled = [y for points in lines for _, y in (points[len(points) // 10 :] or points)]
    low, high = min(values), max(values)
    if (spread := max(settled) - min(settled)) and high - low > STEEP * spread:
        low, high = max(low, min(settled) - spread / 2), min(high, max(settled) + spread / 2)
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def _thin(points: Points) -> Points:
    """At most LINE_POINTS points: means of neighbours."""
    if len(points) <= LINE_POINTS:
        return points
    parts = np.array_split(np.asarray(points, float), LINE_POINTS)
    return [tuple(part.mean(0)) for part in parts]


def _line(places: Points) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _legend(names: Sequence[str]) -> Markup:
    keys = [element("span", element("i", class_=f"key hue-{i % 6}"), name) for i, name in enumerate(names)]
    return element("div", keys, class_="legend")
