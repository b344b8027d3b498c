"""The pictures of one system in the report: samples beside the data, codes, training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from daedal.evaluate.exhibits import Exhibits
from daedal.evaluate.markup import Markup, element
from daedal.evaluate.plots import best_columns, grid, image_element, line_chart, scatter
from daedal.play.folder import read_log

Row = Mapping[str, Any]

# What a point of a chart of training is.
MEANS = "means between log points"
NORMS = "means between log points for a player whose gradient is clipped, else of the one step at each"
READ = "as it was at each log point"


def panels(shown: Exhibits, row: Row, given: Sequence[str] = ()) -> Markup:
    """Real items, samples, and each sample's nearest training item at the same place."""
    return _image_panels(shown, row, given) if shown.images else _vector_panels(shown, row)


def _image_panels(shown: Exhibits, row: Row, given: Sequence[str]) -> Markup:
    columns = best_columns(shown.real.shape[-1])
    count = min(columns * columns, len(shown.samples), len(shown.real))
    asked = f"; each given the {' and '.join(given)} of the real item at its place" if given else ""
    copies = row.get("exact_copies")
    copied = "" if copies is None else f" Exact copies: {copies:.1%} of samples."
    figures = [
        _figure(shown.real[:count], columns, "Real.", "Items of the test split, which no system has seen."),
        _figure(shown.samples[:count], columns, f"Samples of {row['system']}.", f"As evaluated, not chosen{asked}."),
    ]
    if shown.nearest is not None:
        words = f"The training item nearest to the sample at the same place.{copied}"
        figures.append(_figure(shown.nearest[:count], columns, "Nearest.", words))
    return element("div", figures, class_="panels")


def code_figures(shown: Exhibits) -> list[Markup]:
    """Reconstructions and interpolations."""
    figures = []
    if shown.inputs is not None and shown.rebuilt is not None:
        columns = min(10, len(shown.inputs))
        pairs = [np.concatenate([shown.inputs[i : i + columns], shown.rebuilt[i : i + columns]])
                 for i in range(0, len(shown.inputs) - columns + 1, columns)]  # fmt: skip
        picture = grid(np.concatenate(pairs), columns, gap_after=2)
        words = "Of each pair of rows, test items above and what their codes give back below."
        figures.append(_captioned(image_element(picture, "reconstructions"), "Rebuilt.", words))
    if shown.ways is not None:
        picture = grid(np.concatenate(list(shown.ways)), shown.ways.shape[1])
        what = "sample" if shown.rebuilt is None else "test item"
        words = f"Each row goes from one {what} to another, evenly through their codes."
        figures.append(_captioned(image_element(picture, "interpolations"), "Between.", words))
    return figures


def _figure(items: np.ndarray, columns: int, title: str, words: str) -> Markup:
    return _captioned(image_element(grid(items, columns), title), title, words)


def _captioned(content: Markup, title: str, words: str) -> Markup:
    return element("figure", content, element("figcaption", element("b", title), f" {words}"))


# -- vectors


def _vector_panels(shown: Exhibits, row: Row) -> Markup:
    real, samples, how = _to_plane(shown.real, shown.samples)
    low, high = np.quantile(real, [0.001, 0.999], axis=0)
    bounds = np.stack([low - 0.15 * (high - low), high + 0.15 * (high - low)])
    outside = ((samples < bounds[0]) | (samples > bounds[1])).any(1).mean()
    words = f"{how} {outside:.1%} lie outside the picture." if outside else how
    gap = row.get("density_gap")
    figures = [
        _captioned(scatter({"real": real}, bounds), "Real.", f"Items of the test split. {how}"),
        _captioned(scatter({"": real[:0], "samples": samples}, bounds), f"Samples of {row['system']}.", words),
    ]
    if gap:
        figures.append(_gap(gap))
    return element("div", figures, class_="panels")


def _gap(gap: Mapping[str, Any]) -> Markup:
    sign = "at most " if gap["kind"] == "bound" else ""
    text = (
        f"The data's density is known. Its log minus that of the system, on test items, is {sign}"
        f"{gap['value']:.3f} ± {1.96 * gap['spread']:.3f} nats a point ({gap['kind']}): zero for a perfect model."
    )
    return element("div", element("p", element("b", "Density gap. "), text, class_="note"))


def _to_plane(real: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Both as points of the plane, and how that was done."""
    if real.shape[1] == 2:
        return real, samples, ""
    if real.shape[1] == 1:
        ranked = [np.stack([np.sort(a[:, 0]), np.linspace(0, 1, len(a))], 1) for a in (real, samples)]
        return ranked[0], ranked[1], "Value across, share of items below it upwards."
    mean = real.mean(0)
    centred = np.concatenate([real - mean, np.zeros_like(real[:1])])  # a row of zeros: two directions of one item too
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return (real - mean) @ axes[:2].T, (samples - mean) @ axes[:2].T, "First two principal directions of the data."


# -- training


def training_charts(runs: Sequence[Row], folder: Path | None) -> list[Markup]:
    """Losses and the gradients' norms of the first repeat, a line a player; none where nothing was logged."""
    if folder is None or not runs:
        return []
    lines = read_log(folder / runs[0]["folder"] / "run")
    told = dict.fromkeys(name.split("/", 1)[1] for line in lines for name in line if name.startswith("system/"))
    charts = [
        _training_chart(lines, "loss", "Training.", "Loss over steps", MEANS),
        _training_chart(lines, "gradient-norm", "Gradients.", "Norm of the gradient before clipping", NORMS),
        *(_training_chart(lines, name, "Training.", f"The {name.replace('-', ' ')} over steps", READ) for name in told),
    ]
    return [chart for chart in charts if chart is not None]


def _training_chart(lines: Sequence[Row], term: str, title: str, words: str, of: str) -> Markup | None:
    names = dict.fromkeys(name for line in lines for name in line if name.endswith(f"/{term}"))
    series = {
        name.split("/", 1)[0]: [(line["step"], line[name]) for line in lines if "step" in line and name in line]
        for name in names
    }
    series = {name: [(x, y) for x, y in points if y is not None] for name, points in series.items()}
    if not any(len(points) > 1 for points in series.values()):
        return None
    who = ", a line a player" if len(series) > 1 else ""
    return _captioned(line_chart(series, "step", term.replace("-", " ")), title, f"{words}{who}; {of}.")
