"""`render`: from a world to a folder that other tools read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Le

from daedal.cli.answer import Answer
from daedal.declare import NonNegativeInt, PositiveFloat, PositiveInt, Seed
from daedal.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


def render(
    world: str,
    *,
    out: str | None = None,
    n: PositiveInt = 1000,
    size: str = "64",
    layout: str = "images",
    also: tuple[str, ...] = (),
    by: str | None = None,
    domains: tuple[str, ...] = (),
    set: tuple[str, ...] = (),
    correlation: str | None = None,
    test_correlation: Annotated[float, Ge(-1), Le(1)] = 0.0,
    test: NonNegativeInt | None = None,
    frames: Annotated[int, Ge(2)] | None = None,
    frame_rate: PositiveFloat | None = None,
    format: Literal["webp", "gif", "frames"] | None = None,
    seed: Seed = 0,
    first: NonNegativeInt = 0,
    shadows: bool = True,
    overwrite: bool = False,
) -> Answer:
    """Render a world into a folder, in the conventions that other tools read.

    Arguments:
        world: portraits, streets or dancers

    Options:
        out: folder to write; it is whole or not there
        n: pictures, pairs or clips; where there is a test split, those for training
        size: N or HxW pixels, at least 8
        layout: where pictures go: images, classes (ImageFolder), unpaired or paired (trainA, trainB), sides (pix2pix),
            edits (before, after), clips
        also: what is written beside: masks, instances, boxes, parts, depth, depth-png, normals, normals-png, flow,
            visible, landmarks, captions, metadata, factors; repeatable, or with commas
        by: factor whose choices are the folders of --layout classes
        domains: the two sides of a translation, as day,night: each a name of the world's, factor=value or an output
            (rgb, stencil, depth, normal, rig, painting); typed twice where a side has several, with commas
        set: factor to hold: smile=0.8, a range yaw=-10..10, a choice glasses=none; repeatable, or with commas
        correlation: two factors that vary together and how much, in [-1, 1], such as beard,age,0.8
        test_correlation: the same of the test split; 0 shows who took the one for the other
        test: pictures of the test split; default: a tenth of --n
        frames: of a clip; 16 unless given
        frame_rate: frames a second of a clip; 8 unless given
        format: of clips: webp (lossless; this one unless given), gif (256 colours), or folders of frames
        seed: of the endless world that the pictures are items of
        first: index of the first item
        shadows: cast shadows
        overwrite: replace what was rendered in --out before
    """
    if out is None:
        raise UsageError(f"Say where to, such as --out {world}.")
    from daedal.cli.progress import CountProgress
    from daedal.data.worlds.catalogue import check_world
    from daedal.data.worlds.layouts import check_layout

    truths = _words(also)
    check_world(world)
    check_layout(layout, truths, domains, by)  # before torch is imported
    from daedal.data.worlds.write import write

    with CountProgress(f"rendering {world}") as progress:
        written = write(
            world, out, n=n, size=size, layout=layout, truths=truths, by=by, domains=domains,
            settings=set, correlation=correlation, test_correlation=test_correlation, test=test, frames=frames,
            frame_rate=frame_rate, format=format, seed=seed, first=first, shadows=shadows, overwrite=overwrite,
            watch=progress.watch,
        )  # fmt: skip
    record = {"out": str(written.out), "n": n, "pictures": written.pictures, "files": written.files}

    def show(console: Console) -> None:
        text = f"{written.out}: {len(written.files)} files of {written.pictures} rendered pictures"
        console.print(text, markup=False, soft_wrap=True)

    return Answer(record, show)


def _words(texts: tuple[str, ...]) -> list[str]:
    """What was typed in several flags, or in one with commas."""
    return [word.strip() for text in texts for word in text.split(",")]
