"""Optima of ReLU networks with filters in given cells, by second-order cone programs in cvxpy and Clarabel.

Every cell has the rows of all patches as constraints, none is left out. Numbers are drawn as in
`Tests/TestSupport/OracleNumbers.swift`: images, targets, gates.

Run: python3 Tests/Oracles/given_cells.py
"""

import cvxpy as cp
import numpy as np

# seed, samples, image, filter, gates, loss, lambda
CASES = [
    (31, 60, 5, 3, 12, "squared", 0.02),
    (32, 40, 4, 4, 20, "squared", 0.01),
    (33, 30, 4, 3, 10, "logistic", 0.01),
    (34, 50, 6, 2, 8, "squared", 0.05),
]


class Numbers:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 1103515245 + 12345) % (1 << 31)
        return (self.state // 65536 % 256 - 128) / 64

    def matrix(self, rows, columns):
        return np.array([[self.next() for _ in range(columns)] for _ in range(rows)])


def optimum(seed, n, size, f, count, loss, lam):
    numbers = Numbers(seed)
    x = numbers.matrix(n, size * size).reshape(n, size, size)
    y = numbers.matrix(n, 1)[:, 0]
    # The second term keeps gates off the hyperplanes, whose normals have short fractions too.
    gates = numbers.matrix(count, f * f) + numbers.matrix(count, f * f) / 300
    corners = range(size - f + 1)
    patches = np.stack([x[:, r : r + f, c : c + f].reshape(n, -1) for r in corners for c in corners], 1)
    rows = patches.reshape(-1, f * f)
    rows = rows[np.abs(rows).sum(1) > 0]
    assert np.abs(rows @ gates.T).min() > 1e-9
    assert len({tuple(rows @ g > 0) for g in gates}) == count
    v, w = cp.Variable((count, f * f)), cp.Variable((count, f * f))
    outputs, cone = 0, []
    for b, g in enumerate(gates):
        features = (patches * (patches @ g >= 0)[:, :, None]).sum(1)
        outputs = outputs + features @ (v[b] - w[b])
        inward = np.where(rows @ g >= 0, 1.0, -1.0)[:, None] * rows
        cone += [inward @ v[b] >= 0, inward @ w[b] >= 0]
    if loss == "squared":
        value = cp.sum_squares(outputs - y) / (2 * n)
    else:
        value = cp.sum(cp.logistic(cp.multiply(-np.where(y >= 0, 1.0, -1.0), outputs))) / n
    penalty = cp.sum(cp.norm(v, 2, axis=1)) + cp.sum(cp.norm(w, 2, axis=1))
    problem = cp.Problem(cp.Minimize(value + lam * penalty), cone)
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    lengths = np.concatenate([np.linalg.norm(v.value, axis=1), np.linalg.norm(w.value, axis=1)])
    return problem.status, problem.value, int((lengths > 1e-6).sum())


for case in CASES:
    print(case, *optimum(*case))
