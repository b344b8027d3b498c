"""Recomputes the numbers of a report on the digits from the samples beside it, with other code than Daedal's.

    python tests/recompute_distances.py runs/compare-digits

Nothing of Daedal is imported: the digits come from scikit-learn with their split drawn here, the committed feature
net is evaluated in numpy, distances come from scipy. Prints one line a number and exits with 1 if any differs.
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.special import erf, softmax
from scipy.stats import hypergeom
from sklearn.datasets import load_digits

WEIGHTS = Path(__file__).parent.parent / "daedal" / "evaluate" / "assets" / "digits-features.safetensors"
SHARES = ("precision", "recall", "density", "coverage")


def split():
    """Training and test images in [-1, 1], (1297, 1, 8, 8) and (500, 1, 8, 8)."""
    order = np.random.default_rng(0).permutation(1797)
    images = load_digits().images[order, None] / 8 - 1
    return images[:1297], images[1297:]


def convolve(x, weight, bias, stride):
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwij,ocij->nohw", patches, weight, optimize=True) + bias[:, None, None]


def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


class Net:
    def __init__(self, path=WEIGHTS):
        raw = path.read_bytes()
        length = int.from_bytes(raw[:8], "little")
        body = raw[8 + length :]
        self.w = {}
        for name, entry in json.loads(raw[8 : 8 + length]).items():
            if name != "__metadata__":
                start, end = entry["data_offsets"]
                self.w[name] = np.frombuffer(body[start:end], "<f4").reshape(entry["shape"]).astype(np.float64)

    def raw(self, x):
        x = gelu(convolve(x, self.w["trunk.0.weight"], self.w["trunk.0.bias"], 1))
        x = gelu(convolve(x, self.w["trunk.2.weight"], self.w["trunk.2.bias"], 2))
        return x.reshape(len(x), -1) @ self.w["trunk.5.weight"].T + self.w["trunk.5.bias"]

    def features(self, x):
        return (self.raw(x) - self.w["mean"]) @ self.w["whitening"]

    def probabilities(self, x):
        return softmax(gelu(self.raw(x)) @ self.w["head.1.weight"].T + self.w["head.1.bias"], axis=1)


def frechet(x, y):
    a, b = np.cov(x.T), np.cov(y.T)
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * np.trace(sqrtm(a @ b)).real


def kernel(x, y):
    def k(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    def off_diagonal(a):
        n = len(a)
        return (k(a, a).sum() - np.trace(k(a, a))) / (n * (n - 1))

    return off_diagonal(x) + off_diagonal(y) - 2 * k(x, y).mean()


def radius(x, k):
    return np.sort(cdist(x, x), axis=1)[:, k]  # column 0 is the item itself


def shares(real, fake):
    distances = cdist(fake, real)
    return {
        "precision": (distances < radius(real, 3)).any(1).mean(),
        "recall": (distances < radius(fake, 3)[:, None]).any(0).mean(),
        "density": (distances < radius(real, 5)).sum(1).mean() / 5,
        "coverage": (distances < radius(real, 5)).any(0).mean(),
    }


def entropy(p):
    mean = p.mean(0)
    return -(mean * np.log(mean)).sum()


def closer(samples, known, reference):
    """The mean chance that as many training items as `reference` has, of all `known`, hold one nearer to a sample.

    In whole levels, so that ties are ties.
    """
    s, a, b = (np.rint((x.reshape(len(x), -1) + 1) * 8) for x in (samples, known, reference))
    seen, unseen = cdist(s, a, "sqeuclidean"), cdist(s, b, "sqeuclidean").min(1, keepdims=True)
    counts = (seen < unseen).sum(1), (seen <= unseen).sum(1)
    return np.mean([hypergeom.sf(0, len(known), k, len(reference)) for k in counts])


def recompute(samples, further, training_rows, reference_rows):
    """{metric: (value, floor)} of samples (n, 1, 8, 8) in [-1, 1], and of further ones where a share is of all."""
    train, test = split()
    training, reference, net = train[training_rows], test[reference_rows], Net()
    s, t, r = net.features(samples), net.features(training), net.features(reference)
    found = {"fd-digits": (frechet(s, r), frechet(t, r)), "kid-digits": (kernel(s, r), kernel(t, r))}
    value, floor = shares(r, s), shares(r, t)
    found |= {name: (value[name], floor[name]) for name in value}
    found["class-entropy"] = (entropy(net.probabilities(samples)), entropy(net.probabilities(training)))
    found["memorised"] = (closer(np.concatenate([samples, further]), train, reference), 0.5)
    return found


def agree(name, reported, found, n):
    """Shares may differ by two items (a distance on the edge of a ball, in another rounding), others by rounding.

    `memorised` is of distances in whole levels, which are exact.
    """
    if reported is None or not np.isfinite(reported):
        return False
    return abs(reported - found) <= (2 / n if name in SHARES else 1e-5 * max(1.0, abs(found)))


def check(folder):
    """[(system, metric, what, reported, recomputed, whether they agree)] of a comparison's folder."""
    lines = []
    for row in json.loads((Path(folder) / "rows.json").read_text())["rows"]:
        for run in row["runs"]:
            if run["status"] != "ok":
                continue
            home = Path(folder) / run["folder"]
            rows = np.load(home / "material.npz")
            samples, further = (np.load(home / f"{name}.npy").astype(np.float64) for name in ("samples", "further"))
            for name, pair in recompute(samples, further, rows["training"], rows["reference"]).items():
                for what, found in zip(("value", "floor"), pair, strict=True):
                    reported = run["metrics"].get(name, {}).get(what)
                    fine = agree(name, reported, found, len(samples))
                    lines.append((f"{row['system']}/{run['seed']}", name, what, reported, found, fine))
    return lines


def main(folder):
    record = json.loads((Path(folder) / "rows.json").read_text())
    if record["data"]["name"] != "digits":
        print(f"{folder} compares on {record['data']['name']}; this script knows the digits only.", file=sys.stderr)
        return 2
    lines = check(folder)
    for who, name, what, reported, found, fine in lines:
        mark = "ok" if fine else "DIFFERS"
        print(f"{who:16} {name:14} {what:6} {reported!s:>22} {found:22.12g}  {mark}")
    print(f"{sum(line[-1] for line in lines)} of {len(lines)} agree")
    return 0 if lines and all(line[-1] for line in lines) else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/recompute_distances.py runs/compare-digits")
    sys.exit(main(sys.argv[1]))
