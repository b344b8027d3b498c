"""Crops of the photographs that installed packages carry, for restoration and for learning from few images.

Scikit-learn's two are always there; those of scikit-image are used where it is installed (the extra `data`), read from
its folder, so that nothing is imported or downloaded. A crop is never resized. Each photograph trains or tests as a
whole, as the table says: of scikit-learn's two, china trains and flower tests.

Licences: of scikit-learn's, its datasets/images/README.txt (whose text names one author for both, while its link for
flower is to another, who is named here); of scikit-image's, the docstrings of its `skimage.data`. Its photographs that
have no licence there (moon, coins, motorcycle) are left out.

>>> found = read(Options.of(size=200), crops="grid", only=())
>>> found.columns["photograph"].space.names[:2]
('china', 'flower')
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from daedal.data.base import Column, Found
from daedal.data.options import Options
from daedal.errors import UsageError, did_you_mean
from daedal.spaces import Images, Labels

N_CROPS = 2000  # at random positions, unless `n` says otherwise
SIZE = (64, 64)
BY, ZERO, FREE = "CC BY 2.0", "CC0 1.0", "public domain"
SKLEARN, SKIMAGE = ("sklearn", "datasets/images"), ("skimage", "data")


@dataclass(frozen=True)
class Photograph:
    """Where a photograph lies, who took it, what one may do with it, and whether it tests."""

    package: tuple[str, str]
    file: str
    author: str
    licence: str
    tests: bool = False

    @property
    def path(self) -> Path | None:
        """The file, where the package is installed and has it."""
        spec = importlib.util.find_spec(self.package[0])
        path = Path(spec.origin or "").parent / self.package[1] / self.file if spec else None
        return path if path is not None and path.is_file() else None


PHOTOGRAPHS: Mapping[str, Photograph] = {
    "china": Photograph(SKLEARN, "china.jpg", "danielbuechele, flickr.com/photos/danielbuechele", BY),
    "flower": Photograph(SKLEARN, "flower.jpg", "vultilion, flickr.com/photos/vultilion", BY, tests=True),
    "astronaut": Photograph(SKIMAGE, "astronaut.png", "NASA", FREE),
    "chelsea": Photograph(SKIMAGE, "chelsea.png", "Stefan van der Walt", ZERO),
    "coffee": Photograph(SKIMAGE, "coffee.png", "Rachel Michetti", ZERO, tests=True),
    "rocket": Photograph(SKIMAGE, "rocket.jpg", "SpaceX", FREE),
    "hubble": Photograph(SKIMAGE, "hubble_deep_field.jpg", "NASA", FREE),
    "retina": Photograph(SKIMAGE, "retina.jpg", "Mikael Häggström", ZERO),
    "camera": Photograph(SKIMAGE, "camera.png", "Lav Varshney", ZERO),
    "brick": Photograph(SKIMAGE, "brick.png", "CC0Textures", ZERO),
    "grass": Photograph(SKIMAGE, "grass.png", "linolafett", ZERO),
    "gravel": Photograph(SKIMAGE, "gravel.png", "CC0Textures", ZERO, tests=True),
}


def read(options: Options, *, crops: str, only: Sequence[str]) -> Found:
    """`x` Images(3), and `photograph` Labels with names, which a crop is of; `notes["credits"]` has the licences."""
    options.refuse(("fit", "background"), "does not apply to photographs, of which crops are cut")
    paths = _chosen(tuple(only))
    pictures = {name: np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1) for name, path in paths.items()}
    size = options.size or SIZE
    _check_size(size, pictures)
    if crops == "grid":
        corners = {name: _grid(picture.shape[1:], size) for name, picture in pictures.items()}
    else:
        corners = _random(pictures, size, N_CROPS if options.n is None else options.n, options.seed)
    of = np.repeat(np.arange(len(paths)), [len(some) for some in corners.values()])
    tests = np.array([PHOTOGRAPHS[name].tests for name in paths])[of]
    x = np.concatenate([_cut(pictures[name], some, size) for name, some in corners.items()])
    columns = {
        "x": Column(x, Images(3, *size)),
        "photograph": Column(of.astype(np.int64), Labels(len(paths), names=tuple(paths))),
    }
    notes = {"credits": {name: f"{PHOTOGRAPHS[name].author}; {PHOTOGRAPHS[name].licence}" for name in paths}}
    return Found("photographs", columns, (np.flatnonzero(~tests), np.flatnonzero(tests)), notes=notes)


def _chosen(only: tuple[str, ...]) -> dict[str, Path]:
    """The installed photographs, or those of them that were named."""
    paths = {name: path for name, photograph in PHOTOGRAPHS.items() if (path := photograph.path) is not None}
    for name in only:
        if name not in paths:
            more = f" '{name}' comes with scikit-image, which is not installed." if name in PHOTOGRAPHS else ""
            known = f"must name some of {', '.join(paths)}; got '{name}'.{did_you_mean(name, list(paths))}{more}"
            raise UsageError(f"'only' of photographs {known}")
    if only:
        paths = {name: path for name, path in paths.items() if name in only}
    if {PHOTOGRAPHS[name].tests for name in paths} != {False, True}:
        tested = ", ".join(name for name, photograph in PHOTOGRAPHS.items() if photograph.tests)
        raise UsageError(
            f"'only' of photographs must name one that trains and one that tests ({tested}); got {', '.join(paths)}. "
            "For crops of a single one, give a folder that holds it."
        )
    return paths


def _check_size(size: tuple[int, int], pictures: Mapping[str, np.ndarray]) -> None:
    for name, picture in pictures.items():
        height, width = picture.shape[1:]
        if size[0] > height or size[1] > width:
            got = f"{size[0]}x{size[1]}"
            raise UsageError(f"'size' of photographs must be at most {height}x{width}, as {name} is; got {got}.")


def _grid(extent: tuple[int, ...], size: tuple[int, int]) -> np.ndarray:
    """The corners (n, 2) of as many crops as fit side by side, the margin shared between both sides."""
    axes = [np.arange(whole % part // 2, whole - part + 1, part) for whole, part in zip(extent, size, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)


def _random(pictures: Mapping[str, np.ndarray], size: tuple[int, int], n: int, seed: int) -> dict[str, np.ndarray]:
    """The corners of n crops, no two alike: of each photograph as its area says, one at least and all at most.

    Each photograph has random numbers of its own, so its crops do not depend on which others are there.
    """
    area = np.array([picture[0].size for picture in pictures.values()])
    ends = np.rint(np.cumsum(area) / area.sum() * n).astype(int)
    counts = np.maximum(np.diff(ends, prepend=0), 1)
    corners = {}
    for (name, picture), count in zip(pictures.items(), counts, strict=True):
        generator = np.random.default_rng((seed, list(PHOTOGRAPHS).index(name)))
        down, across = np.array(picture.shape[1:]) - size + 1
        corners[name] = np.stack(np.divmod(generator.permutation(down * across)[:count], across), 1)
    return corners


def _cut(picture: np.ndarray, corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Crops (n, 3, h, w)."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, size, axis=(1, 2))  # type: ignore[arg-type]
    return np.ascontiguousarray(windows[:, corners[:, 0], corners[:, 1]].swapaxes(0, 1))
