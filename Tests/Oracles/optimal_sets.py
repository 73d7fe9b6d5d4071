"""Optimal sets of ReLU CNNs on row sums of handwritten digits, by CVXPY, Clarabel and SciPy.

Prints Tests/TestSupport/DigitProfile+Rows.swift (half a minute). Shares no code with the package:

    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install cvxpy==1.9.3 clarabel==0.11.1 scikit-learn
    /tmp/oracle/bin/python -W ignore Tests/Oracles/optimal_sets.py > Tests/TestSupport/DigitProfile+Rows.swift

Data: the digits 0 and 1 of scikit-learn's `load_digits` (UCI, CC BY 4.0), n of them drawn by NumPy's generator of seed 0,
each reduced to the sums of its eight rows; divided by 128 they are means of pixels in 0...1. Targets -1 and 1, filters of
length h, sum pooling, lambda a fraction of lambdaMax.

Method. All cells are enumerated; the exact program of Pilanci & Ergen (2020) is solved by Clarabel to 1e-11. The
correlation vector of a signed cell is the projection of `Z' r` on its cone (non-negative least squares); cells with a
correlation of at least (1 - 1e-7) lambda are active, and those of the same direction are one neuron. Ranges of masses are
linear programs over all active cells with the fit as equality (HiGHS), rounded to 1e-4 of the total mass. The degrees of
freedom are the trace of the derivative of the fit by the targets, from the reduced Hessian at a pruned solution.
"""

import datetime
import sys

import clarabel
import cvxpy as cp
import numpy as np
import scipy
import scipy.linalg
import scipy.sparse
import sklearn
from certified_optima import TIGHT, cells_with_rays, lines_of
from scipy.optimize import linprog, nnls
from sklearn.datasets import load_digits

CASES = [(2, 8, 0.05), (2, 12, 0.05), (2, 20, 0.02), (2, 40, 0.02), (3, 6, 0.05), (3, 8, 0.05), (3, 8, 0.005)]


def profiles(n):
    digits = load_digits()
    generator = np.random.default_rng(0)
    zeros = generator.permutation(np.flatnonzero(digits.target == 0))[: (n + 1) // 2]
    ones = generator.permutation(np.flatnonzero(digits.target == 1))[: n // 2]
    rows = np.concatenate([zeros, ones])
    generator.shuffle(rows)
    sums = digits.images[rows].sum(axis=2).astype(int)
    return sums, np.where(digits.target[rows] == 1, 1.0, -1.0)


def projection(cone, c):
    """The projection of c on {u : cone u >= 0}."""
    multipliers, _ = nnls(cone.T, -c, maxiter=100 * len(cone) + 1000)
    return c + cone.T @ multipliers


def case(h, n, fraction):
    sums, y = profiles(n)
    x = sums / 128
    count = x.shape[1] - h + 1
    patches = np.stack([x[:, k : k + h] for k in range(count)], axis=1).reshape(n * count, h)
    lines = lines_of(patches)
    signs = [np.sign(lines @ witness) for witness, _ in cells_with_rays(lines)]
    witnesses = [witness for witness, _ in cells_with_rays(lines)]
    masks = [patches @ w > 0 for w in witnesses]
    kept = [p for p in range(len(masks)) if masks[p].any()]
    cones = [signs[p][:, None] * lines for p in kept]
    z = [(masks[p][:, None] * patches).reshape(n, count, h).sum(1) for p in kept]
    largest = max(
        np.linalg.norm(projection(cone, s * block.T @ y)) for cone, block in zip(cones, z) for s in (1, -1))
    strength = fraction * largest

    def solve(targets, strength):
        v, w = (cp.Variable((len(z), h)) for _ in range(2))
        fit = np.concatenate(z, axis=1) @ cp.vec(v - w, order="C")
        rows = scipy.sparse.block_diag(cones, format="csr")
        constraints = [rows @ cp.vec(part, order="C") >= 0 for part in (v, w)]
        norms = cp.sum(cp.norm(v, 2, axis=1)) + cp.sum(cp.norm(w, 2, axis=1))
        program = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(fit - targets) + strength * norms), constraints)
        program.solve(**TIGHT)
        return program.value, fit.value, norms.value

    value, fit, mass = solve(y, strength)
    residual = y - fit
    active = []
    for cone, block in zip(cones, z):
        for s in (1, -1):
            u = projection(cone, s * block.T @ residual)
            if np.linalg.norm(u) >= (1 - 1e-7) * strength:
                active.append((u / np.linalg.norm(u), s, s * block @ u / np.linalg.norm(u), cone, block))
    keys = np.round([np.concatenate([u, [s]]) for u, s, *_ in active], 4)
    _, first = np.unique(keys, axis=0, return_index=True)
    neurons = [active[k] for k in first]
    outputs = np.stack([neuron[2] for neuron in neurons], axis=1)
    lengths = np.linalg.norm(outputs, axis=0)
    spectrum = np.linalg.svd(outputs / lengths, compute_uv=False)
    rank = int((spectrum > 1e-6 * spectrum[0]).sum())
    # The fit is only known to 1e-9 or so: the nearest mixture of the neurons is the member.
    start, _ = nnls(outputs, fit, maxiter=10000)
    _, _, basis = np.linalg.svd(outputs)
    basis = basis[:rank]
    ranges = []
    for j in range(len(neurons)):
        ends = [
            linprog(sign * np.eye(len(neurons))[j], A_eq=basis, b_eq=basis @ start, bounds=(0, None), method="highs").fun
            for sign in (1, -1)]
        ranges.append((ends[0], -ends[1]))
    support = pruned(outputs, start)
    freedom, slope = derivatives(neurons, support, start_on(outputs, fit, support), strength, n)
    print(
        f"h {h} n {n}: {len(z)} cells, {len(active)} active, {len(neurons)} neurons, rank {rank}, pruned {len(support)}, "
        f"freedom {freedom:.6f}", file=sys.stderr)
    ranges = sorted(ranges, key=lambda r: (r[1], r[0]))
    numbers = ", ".join(f"({low / mass:.6f}, {high / mass:.6f})" for low, high in ranges)
    data = ", ".join(str(v) for v in sums.ravel())
    labels = ", ".join(str(int(v)) for v in y)
    return f"""    DigitProfile(
      sampleCount: {n}, h: {h},
      sums: [{data}],
      labels: [{labels}],
      beta: {float(strength)!r}, largestBeta: {float(largest)!r}, cellCount: {len(z)}, optimum: {float(value)!r},
      totalMass: {float(mass)!r}, neuronCount: {len(neurons)}, rank: {rank}, prunedCount: {len(support)},
      degreesOfFreedom: {freedom!r}, fitSlopeNorm: {slope!r},
      shares: [{numbers}]),
"""


def pruned(outputs, masses):
    """Supports of optimal pruning: steps along null vectors until none is left."""
    masses = masses.copy()
    while True:
        support = np.flatnonzero(masses > 1e-9 * masses.sum())
        columns = outputs[:, support] * masses[support]
        lengths = np.linalg.norm(columns, axis=0)
        _, values, right = np.linalg.svd(columns / lengths, full_matrices=True)
        if (values > 1e-6 * values[0]).sum() == len(support):
            return support
        beta = right[-1] / lengths
        beta = beta / beta[np.argmax(np.abs(beta))]
        masses[support] *= 1 - beta
        masses[masses < 1e-12] = 0


def start_on(outputs, fit, support):
    return np.linalg.lstsq(outputs[:, support], fit, rcond=None)[0]


def derivatives(neurons, support, masses, strength, n):
    """Trace of d fit / d y and the length of d fit / d strength at a pruned solution."""
    h = len(neurons[0][0])
    blocks, tight, units = [], [], []
    curvature = np.zeros((len(support) * h,) * 2)
    for k, (j, mass) in enumerate(zip(support, masses)):
        u, s, _, cone, block = neurons[j]
        blocks.append(s * block)
        units.append(u)
        own = slice(k * h, (k + 1) * h)
        curvature[own, own] += strength / mass * (np.eye(h) - np.outer(u, u))
        for row in cone[np.abs(cone @ u) < 1e-5]:
            full = np.zeros(len(support) * h)
            full[own] = row
            tight.append(full)
    z = np.concatenate(blocks, axis=1)
    free = scipy.linalg.null_space(np.array(tight), rcond=1e-9) if tight else np.eye(len(support) * h)
    reduced = free.T @ (z.T @ z + curvature) @ free
    hat = z @ free @ np.linalg.solve(reduced, free.T @ z.T)
    slope = z @ free @ np.linalg.solve(reduced, free.T @ np.concatenate(units))
    return float(np.trace(hat)), float(np.linalg.norm(slope))


def main():
    print(f"// Written by Tests/Oracles/optimal_sets.py on {datetime.date.today():%d %B %Y}: cvxpy {cp.__version__}, "
          f"clarabel {clarabel.__version__},")
    print(f"// numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}. Digits: UCI, CC BY 4.0 (data/README.md).")
    print("\nextension DigitProfile {\n  /// All problems of the script.\n  public static let all: [DigitProfile] = [")
    for arguments in CASES:
        print(case(*arguments), end="")
    print("  ]\n}")


main()
