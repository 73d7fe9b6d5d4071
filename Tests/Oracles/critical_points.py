"""Stationary points of two small ReLU problems, for Tests/TestSupport/LandscapeFixture.swift.

Filters of two entries on signals of length 4 at stride 2, sum pooling, one output, squared loss with factor 1 / (2 n), weight
decay lambda on both layers. Local descent from random starts (scipy L-BFGS-B), neurons of one direction merged, then
Newton's method on the face: filters near a hyperplane x . u = 0 are kept on it by multipliers. Printed are only points whose
multipliers lie strictly inside their ranges and whose Hessian on the face is positive definite. The dual norm is computed on
every arc between the hyperplanes' directions; the global optimum by the convex program over all patterns (cvxpy, Clarabel).

    python critical_points.py      (a few minutes; numpy 2.4, scipy, cvxpy with Clarabel; 2026-11-27)
"""

import cvxpy
import numpy as np
from scipy.optimize import minimize


def network(U, v, P, D):
    """Predictions of filters U and weights v on patches P with activations D, and the pooled patches."""
    A = np.einsum("nkj,nkh->njh", D, P)
    return np.einsum("j,njh,jh->n", v, A, U), A


def active(U, P):
    return (np.einsum("nkh,jh->nkj", P, U) > 0).astype(float)


def value_and_slope(z, m, P, y, lam, D=None):
    U, v = z[: 2 * m].reshape(m, 2), z[2 * m :]
    f, A = network(U, v, P, active(U, P) if D is None else D)
    r = (f - y) / len(y)
    g = np.einsum("n,njh->jh", r, A)
    value = 0.5 * np.mean((f - y) ** 2) + 0.5 * lam * z @ z
    return value, np.r_[(v[:, None] * g).ravel(), np.sum(U * g, 1)] + lam * z


def hessian(z, m, P, y, lam, D):
    U, v = z[: 2 * m].reshape(m, 2), z[2 * m :]
    f, A = network(U, v, P, D)
    J = np.concatenate([(v[None, :, None] * A).reshape(len(y), -1), np.einsum("njh,jh->nj", A, U)], 1)
    H = J.T @ J / len(y) + lam * np.eye(3 * m)
    g = np.einsum("n,njh->jh", (f - y) / len(y), A)
    for j in range(m):
        H[2 * j : 2 * j + 2, 2 * m + j] += g[j]
        H[2 * m + j, 2 * j : 2 * j + 2] += g[j]
    return H


def merged(z, m, tolerance=1e-2):
    """Neurons of one sign whose filters point nearly the same way become one; tiny ones vanish."""
    U, v, filters, weights = z[: 2 * m].reshape(m, 2), z[2 * m :], [], []
    for u, w in zip(U, v):
        if np.linalg.norm(u) < 1e-3:
            continue
        for q, (a, b) in enumerate(zip(filters, weights)):
            close = np.linalg.norm(a / np.linalg.norm(a) - u / np.linalg.norm(u)) < tolerance
            if close and b * w > 0:
                mass = abs(b) * np.linalg.norm(a) + abs(w) * np.linalg.norm(u)
                line = a * abs(b) + u * abs(w)
                filters[q] = line / np.linalg.norm(line) * mass**0.5
                weights[q] = np.sign(w) * mass**0.5
                break
        else:
            filters.append(u)
            weights.append(w)
    return np.r_[np.ravel(filters), weights], len(filters)


def on_face(z, m, P, y, lam, reach=2e-3):
    """Newton's method with the kinks as equations; the point, kinks and multipliers, or None."""
    sizes = np.linalg.norm(P, axis=2)
    U = z[: 2 * m].reshape(m, 2)
    sines = np.abs(np.einsum("nkh,jh->nkj", P, U)) / sizes[:, :, None] / np.linalg.norm(U, axis=1)
    kinks = sorted((j, i, k) for i, k, j in zip(*np.where(sines < reach)))
    C = np.zeros((len(kinks), 3 * m))
    for q, (j, i, k) in enumerate(kinks):
        C[q, 2 * j : 2 * j + 2] = P[i, k]
    if kinks and np.linalg.matrix_rank(C) < len(kinks):
        return None
    for _ in range(60):
        D = active(z[: 2 * m].reshape(m, 2), P)
        for j, i, k in kinks:
            D[i, k, j] = 0
        slope = value_and_slope(z, m, P, y, lam, D)[1]
        H = hessian(z, m, P, y, lam, D)
        system = np.block([[H, C.T], [C, np.zeros((len(kinks),) * 2)]])
        try:
            step = np.linalg.solve(system, -np.r_[slope, C @ z])
        except np.linalg.LinAlgError:
            return None
        size = np.linalg.norm(step[: 3 * m])
        z, tau = z + step[: 3 * m] * min(1, 0.1 / max(size, 1e-300)), step[3 * m :]
        if size < 1e-14:
            break
    else:
        return None
    f, _ = network(z[: 2 * m].reshape(m, 2), z[2 * m :], P, D)
    limits = [(f[i] - y[i]) * z[2 * m + j] / len(y) for j, i, k in kinks]
    basis = np.linalg.svd(C)[2][len(kinks) :].T if kinks else np.eye(3 * m)
    curvature = np.linalg.eigvalsh(basis.T @ hessian(z, m, P, y, lam, D) @ basis)[0]
    if curvature < 1e-9 or any(not 1e-9 < t < s - 1e-9 for t, s in zip(tau, limits)):
        return None
    return z, kinks, tau, curvature


def dual_norm(P, residual):
    """The largest |sum_i r_i sum_k (x_ik . u)_+| / n over unit u: on each arc a linear function."""
    rows = P.reshape(-1, 2)
    ends = np.sort(np.concatenate([np.arctan2(rows[:, 1], rows[:, 0]) + a for a in (np.pi / 2, -np.pi / 2)]) % (2 * np.pi))
    best = 0
    for a, b in zip(ends, np.append(ends[1:], ends[0] + 2 * np.pi)):
        middle = np.array([np.cos((a + b) / 2), np.sin((a + b) / 2)])
        g = np.einsum("n,nk,nkh->h", residual, (P @ middle > 0), P) / len(residual)
        for sign in (1, -1):
            angle = np.arctan2(sign * g[1], sign * g[0])
            angle = a + (angle - a) % (2 * np.pi)
            for t in (a, b, angle) if angle <= b else (a, b):
                best = max(best, sign * g @ [np.cos(t), np.sin(t)])
    return best


def optimum(P, y, lam):
    """The convex program over all patterns of the plane."""
    rows = P.reshape(-1, 2)
    ends = np.sort(np.concatenate([np.arctan2(rows[:, 1], rows[:, 0]) + a for a in (np.pi / 2, -np.pi / 2)]) % (2 * np.pi))
    middles = (ends + np.append(ends[1:], ends[0] + 2 * np.pi)) / 2
    f, penalty, constraints, seen = 0, 0, [], set()
    for t in middles:
        signs = np.sign(rows @ [np.cos(t), np.sin(t)])
        if tuple(signs) in seen:
            continue
        seen.add(tuple(signs))
        A = np.einsum("nk,nkh->nh", (signs > 0).reshape(P.shape[:2]), P)
        for sign in (1, -1):
            w = cvxpy.Variable(2)
            f, penalty = f + sign * A @ w, penalty + cvxpy.norm(w)
            constraints.append(cvxpy.multiply(signs, rows @ w) >= 0)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(f - y) / (2 * len(y)) + lam * penalty), constraints)
    problem.solve(solver=cvxpy.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
    return problem.value, len(seen)


def report(name, P, y, lam, widths, generator):
    value, patterns = optimum(P, y, lam)
    print(f"{name}: {patterns} patterns, optimum {value:.10f}, zero optimal from lambda {dual_norm(P, -y):.10f}")
    found = {}
    for m in widths:
        for _ in range(60):
            z = generator.normal(size=3 * m)
            options = dict(maxiter=4000, maxfun=20000, ftol=1e-16, gtol=1e-10)
            z = minimize(value_and_slope, z, (m, P, y, lam), jac=True, method="L-BFGS-B", options=options).x
            z, count = merged(z, m)
            point = on_face(z, count, P, y, lam) if count else None
            if point:
                objective = value_and_slope(point[0], count, P, y, lam)[0]
                found.setdefault((count, round(objective, 7)), (objective, *point))
    for (m, _), (objective, z, kinks, tau, curvature) in sorted(found.items()):
        U, v = z[: 2 * m].reshape(m, 2), z[2 * m :]
        ratio = dual_norm(P, network(U, v, P, active(U, P))[0] - y) / lam
        print(f"  {m} neurons {objective:.10f} kinks {[tuple(map(int, k)) for k in kinks]} tau {tau.tolist()}")
        print(f"    curvature {curvature:.6f} dual norm / lambda {ratio:.7f} U {U.tolist()} v {v.tolist()}")


if __name__ == "__main__":
    small = np.array([[1, 2, -1, 1], [2, -1, 0, 1], [-1, -3, 1, 0], [3, 1, -3, 2]], float).reshape(4, 2, 2)
    report("small", small, np.array([1, -2, 1.5, 0.5]), 0.1, (1, 2, 3, 4, 6), np.random.default_rng(0))
    data = np.random.default_rng(1)
    patches = data.normal(size=(5, 2, 2))
    report("random", patches, data.normal(size=5) * 2, 0.05, (2, 4, 8), np.random.default_rng(2))
