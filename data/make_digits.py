#!/usr/bin/env python3
"""Writes the four digits files of this folder from scikit-learn's digits.csv.gz.

    pip download scikit-learn==1.9.1 --no-deps
    unzip -p scikit_learn-*.whl sklearn/datasets/data/digits.csv.gz > digits.csv.gz
    python3 make_digits.py digits.csv.gz

Standard library only. The rule of the split is in README.md.
"""

import gzip
import hashlib
import struct
import sys
from pathlib import Path

SEED = 20210506
MASK = (1 << 64) - 1
CSV_SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"


def splitmix64(state):
    """One step of SplitMix64: the new state and 64 random bits."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


def shuffle(items, state):
    """Fisher-Yates from the end; the index is the high half of (bits * bound)."""
    for i in range(len(items) - 1, 0, -1):
        state, bits = splitmix64(state)
        j = (bits * (i + 1)) >> 64
        items[i], items[j] = items[j], items[i]


def split(labels):
    """Row numbers of the two parts, each in file order."""
    train, test = [], []
    for digit in range(10):
        rows = [row for row, label in enumerate(labels) if label == digit]
        shuffle(rows, SEED + digit)
        held_out = (len(rows) + 2) // 5  # a fifth, rounded to nearest
        test += rows[:held_out]
        train += rows[held_out:]
    return sorted(train), sorted(test)


def write(path, shape, values):
    """Gzipped IDX of unsigned bytes; equal bytes for equal zlib versions."""
    header = struct.pack(">BBBB", 0, 0, 8, len(shape))
    header += b"".join(struct.pack(">I", extent) for extent in shape)
    data = gzip.compress(header + bytes(values), compresslevel=9, mtime=0)
    path.write_bytes(data)


def main():
    packed = Path(sys.argv[1]).read_bytes()
    found = hashlib.sha256(packed).hexdigest()
    if found != CSV_SHA256:
        sys.exit(f"{sys.argv[1]}: expected SHA-256 {CSV_SHA256}, found {found}")
    lines = gzip.decompress(packed).decode("ascii").split()
    rows = [[int(float(value)) for value in line.split(",")] for line in lines]
    labels = [row[64] for row in rows]
    folder = Path(__file__).resolve().parent
    for part, chosen in zip(("train", "test"), split(labels)):
        pixels = [value for row in chosen for value in rows[row][:64]]
        write(folder / f"digits-{part}-images-idx3-ubyte.gz", [len(chosen), 8, 8], pixels)
        write(folder / f"digits-{part}-labels-idx1-ubyte.gz", [len(chosen)],
              [labels[row] for row in chosen])
        print(part, len(chosen), [sum(labels[r] == d for r in chosen) for d in range(10)],
              sum(pixels))


if __name__ == "__main__":
    main()
