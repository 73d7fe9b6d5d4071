"""The problems that every peer solves, from the digits in `data/`.

* `EX-h-n`: the first n row profiles of zeros (-1) and ones (+1) in a seeded order: signals of
  length 8 whose entries are row means, filters of h, sum pooling, lambda = 0.05 lambdaMax.
* `CNN-38`: all 357 threes (-1) and eights (+1), 3x3 filters, sum pooling, lambda = 1e-2.
* `FC-38`: the same images with one filter as large as the image, lambda = 1e-3.

Pixels are divided by 16, so they lie in 0...1. Every objective is

    (1/n) sum_i 1/2 (f(x_i) - y_i)^2 + lambda sum_j |u_j| |w_j|

with f(x) = sum_j w_j sum_k relu(x_k . u_j) or, for gated networks, 1[x_k . g_j >= 0] x_k . u_j in
place of the ReLU.

    python problems.py EX-2-20 FOLDER

writes FOLDER/images.npy and FOLDER/targets.npy for ccnn.
"""

import gzip
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "data"


@dataclass(frozen=True)
class Problem:
    """Images, targets, filter shape and lambda; `strength` None means 0.05 lambdaMax."""

    name: str
    images: np.ndarray  # [n, length] or [n, height, width]
    targets: np.ndarray  # [n], -1 or +1
    filter: tuple
    strength: float | None

    @property
    def sample_count(self):
        return len(self.targets)

    @property
    def patches(self):
        """All patches as rows `[n * patchesPerSample, patchDimension]`, sample by sample."""
        windows = np.lib.stride_tricks.sliding_window_view(
            self.images, self.filter, axis=tuple(range(1, self.images.ndim)))
        return np.ascontiguousarray(windows).reshape(-1, int(np.prod(self.filter)))

    @property
    def filter_flag(self):
        """What `ccnn --filter` takes."""
        return "x".join(str(extent) for extent in self.filter)

    def blocks(self, patterns):
        """Pooled masked patches `[n, cells, patchDimension]` of patterns `[rows, cells]`."""
        patches = self.patches.reshape(self.sample_count, -1, int(np.prod(self.filter)))
        masks = patterns.reshape(self.sample_count, -1, patterns.shape[1]).astype(float)
        return np.einsum("nkb,nkh->nbh", masks, patches, optimize=True)

    def write(self, folder):
        """Writes `images.npy` and `targets.npy`, doubles, as ccnn reads them."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "images.npy", np.ascontiguousarray(self.images, dtype=float))
        np.save(folder / "targets.npy", np.ascontiguousarray(self.targets, dtype=float))


def read_idx(path):
    """An unsigned-byte IDX file."""
    data = gzip.decompress(path.read_bytes())
    extents = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(extents)


def images_of_digit(digit):
    """All images of a digit, `[count, 8, 8]` in 0...1, in the order of scikit-learn's file.

    The two bundled parts keep that order, and the script that split them says which ranks went
    where.
    """
    specification = importlib.util.spec_from_file_location("make_digits", DATA / "make_digits.py")
    splitter = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(splitter)
    parts = []
    for part in ("train", "test"):
        images = read_idx(DATA / f"digits-{part}-images-idx3-ubyte.gz")
        labels = read_idx(DATA / f"digits-{part}-labels-idx1-ubyte.gz")
        parts.append(images[labels == digit])
    ranks = list(range(len(parts[0]) + len(parts[1])))
    splitter.shuffle(ranks, splitter.SEED + digit)
    held_out = sorted(ranks[: len(parts[1])])
    trained = sorted(ranks[len(parts[1]):])
    ordered = np.empty((len(ranks), 8, 8))
    ordered[trained], ordered[held_out] = parts
    return ordered / 16


def row_profiles(sample_count, seed=0):
    """Balanced row means of zeros (-1) and ones (+1): signals `[n, 8]` and targets `[n]`."""
    zeros, ones = images_of_digit(0), images_of_digit(1)
    random = np.random.default_rng(seed)
    first = random.permutation(len(zeros))[: (sample_count + 1) // 2]
    second = len(zeros) + random.permutation(len(ones))[: sample_count // 2]
    chosen = np.concatenate([first, second])
    random.shuffle(chosen)
    images = np.concatenate([zeros, ones])[chosen]
    return images.mean(axis=2), np.where(chosen >= len(zeros), 1.0, -1.0)


def named(name):
    """The problem of a name such as `EX-2-20`, `CNN-38` or `FC-38`."""
    if name.startswith("EX-"):
        _, dimension, sample_count = name.split("-")
        images, targets = row_profiles(int(sample_count))
        return Problem(name, images, targets, (int(dimension),), None)
    if name not in ("CNN-38", "FC-38"):
        raise ValueError(f"problems.py: expected EX-h-n, CNN-38 or FC-38, found {name}.")
    threes, eights = images_of_digit(3), images_of_digit(8)
    images = np.concatenate([threes, eights])
    targets = np.concatenate([-np.ones(len(threes)), np.ones(len(eights))])
    if name == "CNN-38":
        return Problem(name, images, targets, (3, 3), 1e-2)
    return Problem(name, images, targets, (8, 8), 1e-3)


if __name__ == "__main__":
    named(sys.argv[1]).write(sys.argv[2])
