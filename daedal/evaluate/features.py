"""Feature spaces: where generated and real items are compared. Each has a name, which the metric's name carries.

| data | space | features |
|---|---|---|
| the digits | `digits` | the committed classifier `assets/digits-features.safetensors`, fixed by its hash |
| images with labels | the data's name | a classifier trained on the training split |
| images without labels | `self` | a denoiser trained on the training split |
| vectors | `raw` | the vectors, standardised on the training split |
| images, published weights at hand | `inception` | pool3 of the Inception network, see `daedal.evaluate.inception` |

Trained nets are kept in the cache folder under the data's fingerprint, so all systems of a comparison share one.
`python -m daedal.evaluate.features` trains the committed net again and prints its hash (which another kind of
processor may round to other bits).

>>> digits_net().features(torch.zeros(3, 1, 8, 8)).shape
torch.Size([3, 32])
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from daedal.data.base import Data, Split
from daedal.evaluate import convnet
from daedal.evaluate.convnet import FeatureNet
from daedal.evaluate.keep import kept, key_of, read, store
from daedal.nn.scale import Standardise
from daedal.spaces import Images, Labels, Vectors

VERSION = 1  # of the nets' shape and training: another version trains anew
DIGITS = Path(__file__).parent / "assets" / "digits-features.safetensors"
DIGITS_SHA256 = "96740471310872869ec869c7143e488cdabb6e53dbfd60f82d8ffe96cd155437"
DIGITS_SPACE = Images(channels=1, height=8, width=8, levels=17)
RESERVED = ("self", "raw", "inception", "digits")


@dataclass(frozen=True)
class FeatureSpace:
    """Maps items in border form (n, *x) to features (n, d); with labels, also to log-probabilities (n, classes)."""

    name: str
    features: Callable[[Tensor], Tensor]
    log_probs: Callable[[Tensor], Tensor] | None = None
    label: str | None = None  # the field that `log_probs` is about


def label_field(data: Data, x: str) -> str | None:
    """The field that a classifier learns: `label`, else the first of plain class indices; None where there is none."""
    fields = {name: space for name, space in data.fields.items() if name != x}
    plain = [name for name, s in fields.items() if isinstance(s, Labels) and s.shape == () and _differs(data, name)]
    return "label" if "label" in plain else next(iter(plain), None)


def _differs(data: Data, label: str) -> bool:
    """Whether training items are of several classes: photographs that test, for one, are in no training split."""
    if label not in data.train.columns:  # of one of two domains
        return False
    items = np.linspace(0, len(data.train) - 1, min(len(data.train), 1000)).astype(np.int64)
    return len(data.train.gather(items, [label])[label].unique()) > 1


def space_name(data: Data, x: str) -> str | None:
    """The name of the feature space of field `x`, without training anything; None for labels, which have none."""
    space = data.fields[x]
    if isinstance(space, Vectors):
        return "raw"
    if not isinstance(space, Images):
        return None
    if label_field(data, x) is None:
        return "self"
    if _is_digits(data, x):
        return "digits"
    name = re.sub(r"[^a-z0-9]+", "-", data.name.lower()).strip("-") or "data"
    return f"{name}-{space.height}x{space.width}" if name in RESERVED else name


def feature_space(data: Data, x: str) -> FeatureSpace | None:
    """The feature space of field `x`; trains its net, or reads it from the cache. None for labels."""
    name, space = space_name(data, x), data.fields[x]
    if name is None:
        return None
    if isinstance(space, Vectors):
        standardise = Standardise(space).double()
        standardise.fit(data.train, x)
        return FeatureSpace(name, lambda v: standardise(v.double()))
    label, net = label_field(data, x), _net(data, x)
    if label is None:
        return FeatureSpace(name, _features(net))
    return FeatureSpace(name, _features(net), _log_probs(net), label)


def train_digits_net() -> FeatureNet:
    """The training that made the committed file."""
    from daedal.data.digits import digits

    columns, train, _ = digits()
    return convnet.fit_classifier(Split(columns, train), "x", "label", DIGITS_SPACE, classes=10, seed=0)


@functools.cache
def digits_net() -> FeatureNet:
    """The committed net. Raises ValueError where the file is not the one that this version was made with."""
    content = DIGITS.read_bytes()
    if hashlib.sha256(content).hexdigest() != DIGITS_SHA256:
        raise ValueError(f"'{DIGITS.name}' has been changed; install daedal again to get distances that compare.")
    return read(convnet.classifier(1, 8, 8, 10), content)


def _is_digits(data: Data, x: str) -> bool:
    label = label_field(data, x)
    ten = label is not None and getattr(data.fields[label], "classes", 0) == 10
    return data.name == "digits" and data.fields[x] == DIGITS_SPACE and ten


def _features(net: FeatureNet) -> Callable[[Tensor], Tensor]:
    return lambda x: net.features(convnet.stack(x)).double()


def _log_probs(net: FeatureNet) -> Callable[[Tensor], Tensor]:
    return lambda x: net(convnet.stack(x)).double().log_softmax(1)


def _net(data: Data, x: str) -> FeatureNet:
    if _is_digits(data, x):
        return digits_net()
    space, label = data.fields[x], label_field(data, x)
    shape = convnet.shape_of(space)
    if label is None:
        fit = lambda: convnet.fit_denoiser(data.train, x, space)  # noqa: E731
        return kept("features", _key(data, x, label), convnet.denoiser(*shape), fit)
    classes: int = data.fields[label].classes  # type: ignore[union-attr]
    fit = lambda: convnet.fit_classifier(data.train, x, label, space, classes)  # noqa: E731
    return kept("features", _key(data, x, label), convnet.classifier(*shape, classes), fit)


def _key(data: Data, x: str, label: str | None) -> str:
    return key_of([VERSION, data.fingerprint, x, label])


def main() -> None:
    """Train the committed net again, write it and print its hash, which belongs into `DIGITS_SHA256`."""
    torch.set_num_threads(1)
    DIGITS.parent.mkdir(exist_ok=True)
    store(DIGITS, train_digits_net().state_dict())
    print(f'DIGITS_SHA256 = "{hashlib.sha256(DIGITS.read_bytes()).hexdigest()}"')


if __name__ == "__main__":
    main()
