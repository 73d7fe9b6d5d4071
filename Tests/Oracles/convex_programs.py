"""Optimal values of small convex programs by CVXPY and Clarabel.

Prints the numbers that Tests/SolversTests/ProgramOracleTests.swift holds. Shares no code with the package:

    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install cvxpy clarabel
    /tmp/oracle/bin/python Tests/Oracles/convex_programs.py
"""

import cvxpy as cp
import numpy as np
from scipy.optimize import linprog

TIGHT = dict(solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)


class Numbers:
    """The generator of Tests/TestSupport/OracleNumbers.swift: multiples of 1/64 in [-2, 2)."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 1103515245 + 12345) % 2**31
        return (self.state // 65536 % 256 - 128) / 64

    def matrix(self, rows, columns):
        return np.array([[self.next() for _ in range(columns)] for _ in range(rows)])


def signs_of_cells(rows):
    """Sign vectors of all full-dimensional cells of a central arrangement, by one linear program per node."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    h = rows.shape[1]
    cells = [[]]
    for i in range(len(rows)):
        grown = []
        for cell in cells:
            for sign in (1, -1):
                signs = np.array(cell + [sign])
                a = np.hstack([-signs[:, None] * unit[: i + 1], np.ones((i + 1, 1))])
                cost = np.r_[np.zeros(h), -1]
                result = linprog(cost, A_ub=a, b_ub=np.zeros(i + 1), bounds=[(-1, 1)] * h + [(None, 1)])
                if -result.fun > 1e-9:
                    grown.append(cell + [sign])
        cells = grown
    return np.array(cells)


def dense_relu(seed, n, d, strength):
    """Two-layer ReLU network, one output: the program of Pilanci & Ergen (2020) over all cells."""
    numbers = Numbers(seed)
    x, y = numbers.matrix(n, d), numbers.matrix(n, 1)[:, 0]
    prediction, norms, constraints = 0, 0, []
    cells = signs_of_cells(x)
    for signs in cells:
        active = (signs > 0)[:, None] * x
        v, w = cp.Variable(d), cp.Variable(d)
        prediction = prediction + active @ (v - w)
        norms = norms + cp.norm(v) + cp.norm(w)
        constraints += [cp.multiply(signs, x @ v) >= 0, cp.multiply(signs, x @ w) >= 0]
    problem = cp.Problem(cp.Minimize(cp.sum_squares(prediction - y) / (2 * n) + strength * norms), constraints)
    problem.solve(**TIGHT)
    return len(cells), problem.value


def planar_max_pooled(seed, n, length, strength):
    """ReLU network with max pooling over all positions and filters of length 2, over all cells of the plane."""
    numbers = Numbers(seed)
    x, y = numbers.matrix(n, length), numbers.matrix(n, 1)[:, 0]
    patches = np.stack([x[:, k : k + 2] for k in range(length - 1)], axis=1)
    positions = range(length - 1)
    differences = [patches[:, k] - patches[:, j] for k in positions for j in positions if j > k]
    rows = np.concatenate([patches.reshape(-1, 2)] + differences)
    rows = rows[np.linalg.norm(rows, axis=1) > 0]
    turns = np.arctan2(rows[:, 0], -rows[:, 1]) % np.pi
    angles = np.unique(np.round(np.concatenate([turns, turns + np.pi]) % (2 * np.pi), 12))
    prediction, norms, constraints, count = 0, 0, [], 0
    for start, end in zip(angles, np.r_[angles[1:], angles[0] + 2 * np.pi]):
        middle = (start + end) / 2
        responses = patches @ np.array([np.cos(middle), np.sin(middle)])
        winners = responses.argmax(axis=1)
        active = (responses.max(axis=1) > 0)[:, None] * patches[np.arange(n), winners]
        # The cell is the cone between two directions.
        rays = np.array([[np.cos(start), np.sin(start)], [np.cos(end), np.sin(end)]])
        v, w = cp.Variable(2), cp.Variable(2)
        for variable in (v, w):
            weights = cp.Variable(2, nonneg=True)
            constraints.append(variable == rays.T @ weights)
        prediction = prediction + active @ (v - w)
        norms = norms + cp.norm(v) + cp.norm(w)
        count += 1
    problem = cp.Problem(cp.Minimize(cp.sum_squares(prediction - y) / (2 * n) + strength * norms), constraints)
    problem.solve(**TIGHT)
    return count, problem.value


def gated(seed, loss, n, length, h, windows, outputs, gate_count, strength):
    """Gated convolutional network on signals, sum pooling over windows: nuclear norm per gate."""
    numbers = Numbers(seed)
    x = numbers.matrix(n, length)
    gates = numbers.matrix(gate_count, h)
    targets = numbers.matrix(n, outputs)
    positions = length - h + 1
    prediction, norms = 0, 0
    for gate in gates:
        z = cp.Variable((h, windows * outputs))
        norms = norms + cp.normNuc(z)
        for q in range(windows):
            window = range(q * positions // windows, (q + 1) * positions // windows)
            patches = [x[:, k : k + h] for k in window]
            features = sum((p @ gate >= 0)[:, None] * p for p in patches)
            prediction = prediction + features @ z[:, q * outputs : (q + 1) * outputs]
    if loss == "squared":
        value = cp.sum_squares(prediction - targets) / 2
    elif loss == "logistic":
        value = cp.sum(cp.logistic(-cp.multiply(np.where(targets >= 0, 1, -1), prediction)))
    else:
        onehot = np.eye(outputs)[np.argmax(targets, axis=1)]
        value = cp.sum(cp.log_sum_exp(prediction, axis=1)) - cp.sum(cp.multiply(onehot, prediction))
    problem = cp.Problem(cp.Minimize(value / n + strength * norms))
    problem.solve(**TIGHT)
    return problem.value


if __name__ == "__main__":
    print("cvxpy", cp.__version__, "clarabel", __import__("clarabel").__version__)
    for case in [(1, 6, 3, 0.05), (2, 8, 3, 0.02), (3, 6, 4, 0.1)]:
        print("dense relu", case, *dense_relu(*case))
    for case in [(10, 6, 5, 0.05), (11, 6, 5, 0.02)]:
        print("planar max pooled", case, *planar_max_pooled(*case))
    for case in [
        (4, "squared", 8, 3, 3, 1, 2, 6, 0.05),
        (5, "squared", 8, 4, 4, 1, 1, 8, 0.1),
        (6, "softmax", 8, 6, 3, 2, 3, 4, 0.05),
        (7, "logistic", 8, 6, 3, 2, 1, 5, 0.05),
        (8, "squared", 8, 6, 3, 2, 3, 4, 0.05),
        (9, "softmax", 10, 7, 2, 3, 3, 6, 0.02),
    ]:
        print("gated", case, repr(gated(*case)))
