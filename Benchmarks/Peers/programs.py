"""The convex programs of given cells or gates, as data: pooled blocks, cones, strength.

    minimize 1/(2n) |sum_b Z_b (v_b - w_b) - y|^2 + lambda sum_b (|v_b| + |w_b|)

over v_b and w_b in the cone of cell b (ReLU), or with w = 0 and no cones (gated). Z_b are the
pooled masked patches, n the number of images.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import certify
import problems


@dataclass
class Program:
    """Blocks `[n, cells, patchDimension]`, cone rows of each cell (None: gated), strength."""

    problem: problems.Problem
    patterns: np.ndarray
    blocks: np.ndarray
    cones: list | None
    strength: float = 0.0

    @property
    def targets(self):
        return self.problem.targets

    @property
    def shape(self):
        """Samples, cells, patch dimension."""
        return self.blocks.shape

    @property
    def matrix(self):
        """All blocks side by side, `[n, cells * patchDimension]`."""
        return self.blocks.reshape(len(self.blocks), -1)

    def with_strength(self):
        """Sets the problem's lambda, or 0.05 lambdaMax over the cells of this program."""
        self.strength = self.problem.strength
        if self.strength is None:
            self.strength = 0.05 * certify.dual_norm(self, self.targets / len(self.targets))
        return self


def unpacked(path, row_count):
    """Patterns of a file of `ccnn enumerate`, as booleans `[rows, cells]`."""
    bits = np.unpackbits(np.load(path), axis=1, bitorder="little")
    return bits[:, :row_count].T.astype(bool)


def distinct_rows(rows):
    """Rows of norm 1 without zeros and repeats."""
    norms = np.linalg.norm(rows, axis=1)
    return np.unique(rows[norms > 0] / norms[norms > 0, None], axis=0)


def signed(patterns, patches, cell):
    """The rows of which a filter in the cell's cone has nonnegative products."""
    return np.where(patterns[:, cell, None], patches, -patches)


def enumerated(problem, folder, facets_only):
    """The exact ReLU program over all cells in `cells.npy`, with facets (`facets.npy`) or all rows.

    Rows of one line bound a cell together, so facets are taken once per line.
    """
    patches = problem.patches
    patterns = unpacked(Path(folder) / "cells.npy", len(patches))
    walls = unpacked(Path(folder) / "facets.npy", len(patches))
    used = patterns.any(axis=0)
    patterns, walls = patterns[:, used], walls[:, used]
    if facets_only:
        cones = [
            distinct_rows(signed(patterns, patches, cell)[walls[:, cell]])
            for cell in range(patterns.shape[1])
        ]
    else:
        cones = [signed(patterns, patches, cell) for cell in range(patterns.shape[1])]
    return Program(problem, patterns, problem.blocks(patterns), cones).with_strength()


def sampled(problem, folder, is_gated):
    """The program over the gates that ccnn sampled and wrote to `model.safetensors`."""
    from safetensors.numpy import load_file

    gates = load_file(Path(folder) / "model.safetensors")["cells.gates"]
    patches = problem.patches
    patterns = patches @ gates.T >= 0
    cones = None
    if not is_gated:
        cones = [
            distinct_rows(signed(patterns, patches, cell)) for cell in range(patterns.shape[1])
        ]
    return Program(problem, patterns, problem.blocks(patterns), cones).with_strength()


def result_of(folder):
    """What ccnn reported, `result.json`."""
    return json.loads((Path(folder) / "result.json").read_text())
