"""Optima of quadratic and polynomial networks, by semidefinite programs in cvxpy and Clarabel.

Signals of length 6 and filters of length 2 (5 positions), two average windows (positions 0-1 and 2-4), two outputs, squared
loss over n = 9 samples. Data are ratios of small integers, so that the tests have the same ones.

Run: python3 Tests/Oracles/degree_two.py
"""

import cvxpy as cp
import numpy as np

n, length, h, c = 9, 6, 2, 2
windows = [[0, 1], [2, 3, 4]]
x = np.array([[((7 * i + 5 * p + 3 * i * p) % 11 - 5) / 3 for p in range(length)] for i in range(n)])
y = np.array([[((5 * i + 3 * t + i * i) % 7 - 3) / 2 for t in range(c)] for i in range(n)])
patches = [[x[i, k : k + h] for k in range(length - h + 1)] for i in range(n)]


def quadratic(lam):
    moments = [
        [sum(np.outer(p[k], p[k]) for k in w) / len(w) for w in windows] for p in patches
    ]
    m = [[cp.Variable((h, h), symmetric=True) for _ in range(c)] for _ in windows]
    f = [
        [sum(cp.trace(m[q][t] @ moments[i][q]) for q in range(2)) for t in range(c)]
        for i in range(n)
    ]
    loss = sum(cp.square(f[i][t] - y[i, t]) for i in range(n) for t in range(c)) / (2 * n)
    norm = sum(cp.normNuc(m[q][t]) for q in range(2) for t in range(c))
    return solve(loss + lam * norm, [])


def polynomial(lam, a, b, const):
    def lifted(v):
        return np.block(
            [[a * np.outer(v, v), b / 2 * v[:, None]], [b / 2 * v[None, :], np.array([[const]])]]
        )

    moments = [[sum(lifted(p[k]) for k in w) / len(w) for w in windows] for p in patches]
    z = [[[cp.Variable((h + 1, h + 1), PSD=True) for _ in range(2)] for _ in range(c)] for _ in windows]
    f = [
        [
            sum(cp.trace((z[q][t][0] - z[q][t][1]) @ moments[i][q]) for q in range(2))
            for t in range(c)
        ]
        for i in range(n)
    ]
    loss = sum(cp.square(f[i][t] - y[i, t]) for i in range(n) for t in range(c)) / (2 * n)
    flat = [v for q in z for t in q for v in t]
    return solve(
        loss + lam * sum(v[h, h] for v in flat),
        [cp.trace(v[:h, :h]) == v[h, h] for v in flat],
    )


def solve(objective, constraints):
    problem = cp.Problem(cp.Minimize(objective), constraints)
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    return problem.status, problem.value


print("cvxpy", cp.__version__)
for lam in (0.02, 0.2):
    print("quadratic", lam, *quadratic(lam))
for lam in (0.02, 0.2):
    print("polynomial", lam, *polynomial(lam, 0.09, 0.5, 0.47))
