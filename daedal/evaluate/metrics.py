"""The metrics, one method each: what a name of the table in `daedal.evaluate.protocol` stands for."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import fields
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from daedal.capabilities import Decodes, Encodes, Samples
from daedal.evaluate.features import FeatureSpace, feature_space, label_field, space_name
from daedal.evaluate.frechet import Moments, frechet_distance
from daedal.evaluate.kernel import kernel_distance
from daedal.evaluate.likelihood import bits_per_dim, likelihood_kind
from daedal.evaluate.measure import Material, Measure
from daedal.evaluate.neighbours import BALL_K, Overlap, overlap
from daedal.evaluate.trial import BOUND, Trial
from daedal.nn.sizes import learned_numbers
from daedal.play.seeds import address
from daedal.spaces import Images, Labels, Vectors

RESAMPLES = 50  # of the bootstrap
WIDE = 256  # features above which a Frechet distance, being costly, is resampled a fifth as often
REBUILT = 1000  # items at most: codes of diffusion cost two times as many passes as samples
OVERLAPS = tuple(field.name for field in fields(Overlap))


class Metrics:
    """The metrics of one trial; what several share is made once. A method gives None where it does not apply."""

    def __init__(self, trial: Trial, inception: str | None = None):
        self.trial, self.inception = trial, inception
        self.system, self.data, self.n = trial.system, trial.data, trial.n

    @property
    def functions(self) -> dict[str, Callable[[], Measure | None]]:
        """Every metric that this data can have, by name, in the order of the table."""
        images = isinstance(self.trial.space, Images) and self.trial.space.frames is None
        spaces = [space_name(self.data, self.trial.x), "inception" if images and self.inception else None]
        named: dict[str, Callable[[], Measure | None]] = {}
        for space in filter(None, spaces):
            named[f"fd-{space}"] = lambda space=space: self.distance(_frechet, space)
            named[f"kid-{space}"] = lambda space=space: self.distance(_kernel, space)
        named |= {name: lambda name=name: self.overlaps.get(name) for name in OVERLAPS}
        return named | {
            "class-entropy": self.class_entropy,
            "class-accuracy": self.class_accuracy,
            "bits-per-dim": self.bits_per_dim,
            "reconstruction-mse": self.reconstruction,
            "memorised": self.memorised,
            "images-per-second": self.throughput,
            "train-seconds": self.train_seconds,
            "parameters": self.parameters,
            "peak-memory-mb": self.peak_memory,
        }

    # -- what they share

    @property
    def samples(self) -> bool:
        """Whether there are samples to measure."""
        return isinstance(self.system, Samples)

    @cached_property
    def space(self) -> FeatureSpace | None:
        """The feature space of this data, its net trained or read."""
        return feature_space(self.data, self.trial.x)

    @cached_property
    def inception_space(self) -> FeatureSpace:
        """The published network's."""
        from daedal.evaluate.inception import load_inception

        network = load_inception(self.inception or "")
        return FeatureSpace("inception", lambda x: torch.cat([network(part) for part in x.float().split(32)]))

    @cached_property
    def weights(self) -> Tensor:
        """How often each sample is in each bootstrap resample: (RESAMPLES, n), float64."""
        generator = np.random.default_rng([self.trial.seed, 1])
        counts = generator.multinomial(self.n, np.full(self.n, 1 / self.n), RESAMPLES)
        return torch.from_numpy(counts.astype(np.float64))

    def material(self) -> Material | None:
        """The samples and their neighbours, where samples were drawn."""
        trial = self.trial
        if "drawn" not in vars(trial):
            return None
        further = vars(trial).get("further", trial.samples[:0])
        near, copies = trial.nearest_training(), trial.exact_copies()
        return Material(trial.samples, further, trial.conditions, trial.reference, trial.training, near, copies)

    # -- distances and overlaps

    def distance(self, function: Distance, space: str) -> Measure | None:
        """A distance of samples to the reference in the space of that name."""
        if not self.samples or self.n < 2:
            return None
        where = self.inception_space if space == "inception" else self.space
        if where is None:
            return None
        found = self.trial.features(where)
        value, resampled = function(found["samples"], found["reference"], self.weights)
        floor, _ = function(found["training"], found["reference"], None)
        return Measure(value, "measured", floor, _deviation(resampled), self.n, "lower")

    @cached_property
    def overlaps(self) -> dict[str, Measure]:
        """Precision, recall, density, coverage."""
        if not self.samples or self.n <= BALL_K or self.space is None:
            return {}
        found = self.trial.features(self.space)
        value = overlap(found["reference"], found["samples"])
        floor = overlap(found["reference"], found["training"])
        resampled = overlap(found["reference"], found["samples"], self.weights)
        return {
            name: Measure(
                float(getattr(value, name)),
                floor=float(getattr(floor, name)),
                spread=_deviation(getattr(resampled, name)),
                n=self.n,
                better="higher",
            )
            for name in OVERLAPS
        }

    # -- classes

    @cached_property
    def predictions(self) -> dict[str, Tensor] | None:
        """Log-probabilities of the classes of `samples`, `reference` and `training` items: each (n, classes)."""
        labelled = label_field(self.data, self.trial.x) is not None  # no net is trained only to find that it is not
        if not self.samples or not labelled or self.space is None or self.space.log_probs is None:
            return None
        return self.trial.mapped(self.space.log_probs)

    def class_entropy(self) -> Measure | None:
        """Entropy of the mean predicted distribution over classes, nats: log of the number of classes at most."""
        if self.predictions is None:
            return None
        p, real = self.predictions["samples"].exp(), self.predictions["training"].exp()
        resampled = _deviation(_entropy(self.weights @ p / self.n))
        return Measure(float(_entropy(p.mean(0))), floor=float(_entropy(real.mean(0))), spread=resampled, n=self.n)

    def class_accuracy(self) -> Measure | None:
        """The share of samples that the classifier puts in the class asked for; its floor, of real items."""
        label = label_field(self.data, self.trial.x)
        if label is None or label not in self.trial.given or self.predictions is None:
            return None
        asked = self.trial.conditions[label]
        right = (self.predictions["samples"].argmax(1) == asked).double()
        real = (self.predictions["reference"].argmax(1) == asked).double()
        return Measure(
            float(right.mean()), floor=float(real.mean()), spread=_standard_error(right), n=self.n, better="higher"
        )

    # -- likelihood, reconstruction, memory

    def bits_per_dim(self) -> Measure | None:
        """Bits per dimension of the reference."""
        kind = likelihood_kind(self.system)
        if kind is None:
            return None
        noise = torch.Generator().manual_seed(self.trial.seed)
        own = torch.Generator(self.system.device).manual_seed(address(self.trial.seed, BOUND))
        with torch.no_grad():
            parts = [bits_per_dim(self.system, x, given, noise, own) for x, given in self.trial.references()]
        bits = torch.cat(parts)
        return Measure(float(bits.mean()), kind, self._entropy(), _standard_error(bits), self.n, "lower")

    def _entropy(self) -> float | None:
        """Bits per dimension of a toy's own density: the least that can be reached."""
        entropy = self.data.density.entropy if self.data.density is not None else None
        if entropy is None or self.system.given or not isinstance(self.trial.space, Vectors):
            return None
        return entropy / (self.trial.space.dim * math.log(2))

    def reconstruction(self) -> Measure | None:
        """Mean squared error of decode(encode(x)) over (some of) the reference."""
        if not (isinstance(self.system, Encodes) and isinstance(self.system, Decodes)):
            return None
        with torch.no_grad():
            errors = torch.cat([self._errors(x, given) for x, given in self.trial.references(REBUILT)])
        return Measure(float(errors.mean()), spread=_standard_error(errors), n=len(errors), better="lower")

    def _errors(self, x: Tensor, given: dict[str, Tensor]) -> Tensor:
        system, flatten = self.system, self.trial.flatten
        sent = x.to(system.device, system.dtype if x.is_floating_point() else x.dtype)
        again = system.decode(system.encode(sent, given=given), given=given).cpu()
        if isinstance(self.trial.space, Images):
            return ((again - x) / 2).double().square().flatten(1).mean(1)
        if isinstance(self.trial.space, Labels):
            return (again != x).double().reshape(len(x), -1).mean(1)
        return (flatten(again) - flatten(x)).square().mean(1)

    def memorised(self) -> Measure | None:
        """The share of samples nearer to n training items than to n test items; ties count half."""
        if not self.samples:
            return None
        share = float(self.trial.nearer_to_training().mean())
        return Measure(share, floor=0.5, spread=0.5 / math.sqrt(self.n), n=self.n)  # further samples meet no more items

    # -- costs

    def throughput(self) -> Measure | None:
        """Samples drawn in a second, in chunks of at most 500."""
        return Measure(self.n / self.trial.drawn[1], n=self.n, better="higher") if self.samples else None

    def train_seconds(self) -> Measure | None:
        """How long the system was trained, where it knows."""
        seconds = float(getattr(self.system, "train_seconds", math.nan))
        return Measure(seconds) if math.isfinite(seconds) else None

    def parameters(self) -> Measure:
        """How many numbers were learned: parameters; where there are none, what was fitted."""
        return Measure(float(learned_numbers(self.system)))

    def peak_memory(self) -> Measure:
        """The most memory that this process has held so far, in 10^6 bytes."""
        return Measure(_peak_memory_mb(), better="lower")


Distance = Callable[[Tensor, Tensor, "Tensor | None"], tuple[float, Tensor]]


def _frechet(x: Tensor, y: Tensor, weights: Tensor | None) -> tuple[float, Tensor]:
    """The distance of x (n, d) to y, and of each resample of x."""
    reference = Moments.of(y)
    rows = [] if weights is None else weights if x.shape[1] <= WIDE else weights[: RESAMPLES // 5]
    resampled = [frechet_distance(Moments.of(x, row), reference) for row in rows]
    return frechet_distance(Moments.of(x), reference), torch.tensor(resampled, dtype=torch.float64)


def _kernel(x: Tensor, y: Tensor, weights: Tensor | None) -> tuple[float, Tensor]:
    """The distance of x (n, d) to y, and of each resample of x."""
    whole = torch.ones(1, len(x), dtype=torch.float64)
    each = kernel_distance(x, y, whole if weights is None else torch.cat([whole, weights]))
    return float(each[0]), each[1:]


def _entropy(p: Tensor) -> Tensor:
    """Entropy of distributions p (..., classes), nats."""
    return -torch.special.xlogy(p, p).sum(-1)


def _deviation(resampled: Tensor) -> float | None:
    """Over the resamples that have the number: without two different rows there is no pair; None where that is rare."""
    known = resampled[resampled.isfinite()]
    if len(known) < len(resampled) and len(known.unique()) < 2:
        return None
    return float(known.std())


def _standard_error(each: Tensor) -> float | None:
    return float(each.std()) / math.sqrt(len(each)) if len(each) > 1 else None


def _peak_memory_mb() -> float:
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes there, 1024 bytes here
