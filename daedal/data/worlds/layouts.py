"""The conventions in which `daedal render` writes folders: names only, read by the command line without torch.

A layout says where pictures go; truths are what is written beside them. Each picture has a stem, such as `0007`, or
`0007/03` of a clip's frame; a truth of a folder lies under the same stem as its picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daedal.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Layout:
    """Where pictures go; `split` says whether test pictures are apart, `domains` how many are needed, `each` how many
    pictures an item has.
    """

    files: str
    meaning: str
    split: bool = True
    domains: int = 0
    dense: bool = False  # whether truths of every pixel can be written beside
    each: int = 1


@dataclass(frozen=True)
class Truth:
    """What is written beside pictures: of every pixel (`dense`), or a line or table about each."""

    files: str
    meaning: str
    dense: bool = True
    clips: bool = False  # only between the frames of clips


LAYOUTS: Mapping[str, Layout] = {
    "images": Layout("images/0007.png", "plain pictures", split=False, dense=True),
    "classes": Layout("train/CLASS/0007.png, test/CLASS/...", "ImageFolder: a folder for each choice of --by"),
    "unpaired": Layout(
        "trainA/0007.png, trainB/, testA/, testB/", "CycleGAN's: two domains, no item in both", domains=2, each=2
    ),
    "paired": Layout(
        "trainA/0007.png, trainB/, testA/, testB/", "two domains, the same items in both", domains=2, each=2
    ),
    "sides": Layout(
        "train/0007.png, test/", "pix2pix's: both domains in one picture, A left and B right", domains=2, each=2
    ),
    "edits": Layout(
        "before/0007.png, after/0007.png, edits.jsonl",
        "InstructPix2Pix's: an instruction, and its result",
        split=False,
        each=2,
    ),
    "clips": Layout("clips/0007.webp, or images/0007/03.png", "animations, or folders of frames", False, dense=True),
}
TRUTHS: Mapping[str, Truth] = {
    "masks": Truth("masks/0007.png, classes.txt", "class of each pixel: a palette PNG of indices; their names by line"),
    "instances": Truth("instances/0007.png", "id of the thing at each pixel, 16-bit PNG; 0: nothing"),
    "boxes": Truth(
        "annotations.json", "COCO: box, area and mask (run lengths) of each thing, and the class of most of it"
    ),
    "parts": Truth("parts.json", "the same of each class of each thing, such as a person's hair"),
    "depth": Truth("depth/0007.npy", "float32 (h, w), metres along the camera's axis; infinite where nothing is"),
    "depth-png": Truth("depth-png/0007.png", "16-bit PNG, millimetres, at most 65,535; 0: nothing"),
    "normals": Truth("normals/0007.npy", "float32 (3, h, w), unit vectors in the world; 0: nothing"),
    "normals-png": Truth("normals-png/0007.png", "the same as colours, (n + 1) / 2"),
    "flow": Truth("flow/0007/03.npy", "float32 (2, h, w), pixels to the right and down, to the next frame", clips=True),
    "visible": Truth("visible/0007/03.png", "white where the point is seen in the next frame", clips=True),
    "landmarks": Truth("landmarks.jsonl", "a line for each picture: file_name, points: {name: [column, row, metres]}"),
    "captions": Truth("captions.jsonl", "a line for each picture: file_name, text, factors", dense=False),
    "metadata": Truth("images/metadata.jsonl", "the same beside the pictures, where Hugging Face looks", dense=False),
    "factors": Truth("factors.csv", "a row for each picture: file_name, index, its factors", dense=False),
}
FORMATS = ("webp", "gif", "frames")


def check_layout(layout: str, truths: Sequence[str], domains: Sequence[str], by: str | None) -> None:
    """Raise UsageError, in one sentence, for what does not exist or does not go together."""
    for name, known, what in [(layout, LAYOUTS, "layout"), *((truth, TRUTHS, "truth") for truth in truths)]:
        if name not in known:
            raise UsageError(f"'{name}' is no {what}; there are {', '.join(known)}.{did_you_mean(name, list(known))}")
    chosen = LAYOUTS[layout]
    for truth in truths:
        if TRUTHS[truth].clips and layout != "clips":
            raise UsageError(f"'{truth}' is between the frames of clips; choose --layout clips for it.")
        if TRUTHS[truth].dense and not chosen.dense:
            raise UsageError(f"'{truth}' goes with --layout images or clips only; leave it out of {layout}.")
    count = len(domains[0].split(",")) if len(domains) == 1 else len(domains)  # of one text with a comma between
    if count != chosen.domains:
        needs = "two --domains, such as rgb,stencil" if chosen.domains else "no --domains"
        raise UsageError(f"--layout {layout} takes {needs}; got {count}.")
    if by is not None and layout != "classes":
        raise UsageError(f"--by names the classes of --layout classes; leave it out of {layout}.")
