"""Optima of circular networks with one ReLU by CVXPY and Clarabel, and the best of local descents.

Prints the numbers that Tests/SolversTests/CircularReLUTests.swift holds. Shares no code with the package:

    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install cvxpy clarabel scipy
    /tmp/oracle/bin/python Tests/Oracles/circular_relu.py
"""

import cvxpy as cp
import numpy as np
from convex_programs import TIGHT, Numbers, signs_of_cells
from scipy.optimize import minimize


def data(seed, n, d):
    numbers = Numbers(seed)
    return numbers.matrix(n, d), numbers.matrix(n, 1)[:, 0]


def transform(rows, columns):
    """The unitary transform of planes."""
    plane = lambda k: np.fft.fft(np.eye(k), norm="ortho")
    return np.kron(plane(rows), plane(columns))


def convex(x, y, rows, columns, beta):
    n, d = x.shape
    f = transform(rows, columns)
    prediction, norms, constraints = 0, 0, []
    for signs in signs_of_cells(x):
        for sign in (1, -1):
            v = cp.Variable(d)
            prediction = prediction + sign * ((signs > 0)[:, None] * x) @ v
            constraints.append(cp.multiply(signs, x @ v) >= 0)
            re, im = f.real @ v, f.imag @ v
            norms = norms + cp.sum(cp.norm(cp.vstack([re, im]), axis=0))
    objective = 0.5 * cp.sum_squares(prediction - y) + beta / np.sqrt(d) * norms
    problem = cp.Problem(cp.Minimize(objective), constraints)
    problem.solve(**TIGHT)
    return problem.value


def descent(x, y, rows, columns, beta, width, starts, seed):
    """1/2 |sum_j a_j (X (u_j * w_j))_+ - y|^2 + beta sum_j |u_j| |w_j| |a_j| from random starts."""
    n, d = x.shape
    shape = (width, rows, columns)
    rng = np.random.default_rng(seed)

    def parts(theta):
        u, w = theta[: width * d].reshape(shape), theta[width * d : 2 * width * d].reshape(shape)
        return u, w, theta[2 * width * d :]

    def value(theta):
        u, w, a = parts(theta)
        fu, fw = np.fft.fft2(u), np.fft.fft2(w)
        v = np.fft.ifft2(fu * fw).real.reshape(width, d)
        r = x @ v.T
        residual = np.maximum(r, 0) @ a - y
        nu, nw = (np.sqrt((t**2).sum((1, 2)) + 1e-30) for t in (u, w))
        gv = (((r > 0) * residual[:, None] * a).T @ x).reshape(shape)
        fg = np.fft.fft2(gv)
        gu = np.fft.ifft2(fg * fw.conj()).real + beta * (nw * abs(a) / nu)[:, None, None] * u
        gw = np.fft.ifft2(fg * fu.conj()).real + beta * (nu * abs(a) / nw)[:, None, None] * w
        ga = np.maximum(r, 0).T @ residual + beta * nu * nw * np.sign(a)
        total = 0.5 * residual @ residual + beta * (nu * nw * abs(a)).sum()
        return total, np.r_[gu.ravel(), gw.ravel(), ga]

    best = np.inf
    for _ in range(starts):
        theta = rng.standard_normal(2 * width * d + width)
        for _ in range(2):
            theta = minimize(value, theta, jac=True, method="L-BFGS-B", options=dict(maxiter=500)).x
        best = min(best, value(theta)[0])
    return best


for seed, n, rows, columns, beta in [(1, 4, 1, 3, 0.3), (2, 5, 1, 3, 0.2), (3, 4, 2, 2, 0.3), (4, 4, 1, 4, 0.1)]:
    x, y = data(seed, n, rows * columns)
    optimum = convex(x, y, rows, columns, beta)
    best = descent(x, y, rows, columns, beta, 8, 24, seed)
    print(f"(seed: {seed}, n: {n}, rows: {rows}, columns: {columns}, beta: {beta}, optimum: {optimum:.10f}, descent: {best:.10f}),")
