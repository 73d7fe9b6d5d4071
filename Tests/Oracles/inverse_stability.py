"""Distances of small convolutional ReLU networks as functions and as parameters, and beta, by NumPy and SciPy.

Prints Tests/TestSupport/StabilityFixture+Rows.swift (a minute). Shares no code with the package:

    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install numpy scipy
    /tmp/oracle/bin/python Tests/Oracles/inverse_stability.py > Tests/TestSupport/StabilityFixture+Rows.swift

Networks on signals: integer filters up to 3 (last entry positive, so that all lie in one half-space), output weights in
quarters, some filters shared by both networks up to a factor. Patches are matrices of zeros and ones written out here.

Method. Gradient: every sign pattern of the different lines that a linear program of HiGHS finds a point for (margin 1e-7),
walked from cell to cell; the gradient of the active rows is summed up as it is, without splitting relu into even and odd
parts. beta: for every column of the incidence matrix the least sum of absolute values of a row of a left inverse, by HiGHS;
infinity where the rank is short. Parameters: all permutations.
"""

import datetime
import itertools

import numpy as np
import scipy
from scipy.optimize import linprog

# length, filter, stride, padding, pooling, neurons of f and g, outputs
CASES = [
    (3, 3, 1, "valid", "sum", 3, 2, 2),
    (4, 2, 1, "valid", "sum", 2, 2, 1),
    (4, 2, 2, "valid", "average", 3, 3, 2),
    (3, 2, 1, "circular", "sum", 2, 2, 2),
    (4, 2, 1, "zero", "sum", 2, 2, 1),
    (3, 3, 1, "zero", "average", 2, 2, 2),
    (3, 2, 1, "valid", "none", 2, 2, 1),
    (4, 3, 1, "circular", "average", 2, 1, 1),
    (5, 3, 1, "zero", "sum", 2, 1, 1),
    (6, 3, 1, "valid", "sum", 2, 1, 1),
]


def patches(length, h, stride, padding):
    """Matrices S_k of shape h x length."""
    result = []
    span = length - h + 1 if padding == "valid" else length
    before = (h - 1) // 2 if padding == "zero" else 0
    for start in range(0, span, stride):
        matrix = np.zeros((h, length))
        for tap in range(h):
            place = start + tap - before
            if padding == "circular":
                place %= length
            if 0 <= place < length:
                matrix[tap, place] = 1
        result.append(matrix)
    return result


def windows(count, pooling):
    """Window and weight of each position."""
    if pooling == "none":
        return list(range(count)), [1.0] * count, count
    return [0] * count, [1 / count if pooling == "average" else 1.0] * count, 1


def lines_of(rows):
    lines, place = [], []
    for row in rows:
        unit = row / np.linalg.norm(row)
        for index, line in enumerate(lines):
            if min(np.abs(unit - line).max(), np.abs(unit + line).max()) < 1e-9:
                place.append((index, 1 if np.abs(unit - line).max() < 1e-9 else -1))
                break
        else:
            lines.append(unit)
            place.append((len(lines) - 1, 1))
    return np.array(lines), place


def cells(lines):
    """Sign patterns of all cells."""
    count, d = lines.shape

    def has_point(signs):
        rows = np.hstack([-(signs[:, None] * lines), np.ones((count, 1))])
        objective = np.zeros(d + 1)
        objective[-1] = -1
        bounds = [(-1, 1)] * d + [(None, 1)]
        answer = linprog(objective, A_ub=rows, b_ub=np.zeros(count), bounds=bounds, method="highs")
        return answer.status == 0 and -answer.fun > 1e-7

    start = np.sign(lines @ np.random.default_rng(1).normal(size=d))
    seen, stack = {tuple(start)}, [start]
    while stack:
        signs = stack.pop()
        for index in range(count):
            flipped = signs.copy()
            flipped[index] *= -1
            if tuple(flipped) not in seen and has_point(flipped):
                seen.add(tuple(flipped))
                stack.append(flipped)
    return np.array(sorted(seen))


def distance(parts, S, where, weight, outputs):
    rows, coefficients = [], []
    for sign, filters, heads in parts:
        for u, head in zip(filters, heads):
            for k, matrix in enumerate(S):
                row = matrix.T @ u
                if np.abs(row).max() > 0:
                    rows.append(row)
                    coefficients.append(sign * weight[k] * head[where[k]])
    rows, coefficients = np.array(rows), np.array(coefficients)
    lines, place = lines_of(rows)
    patterns = cells(lines)
    best = 0.0
    for signs in patterns:
        active = np.array([signs[index] * side > 0 for index, side in place])
        gradient = coefficients[active].T @ rows[active]
        best = max(best, np.abs(gradient).max())
    return best, len(patterns), len(lines)


def beta(directions, S, where, weight, count):
    rows, columns, sizes = [], [], []
    for j, u in enumerate(directions):
        scaled = u / np.abs(u).max()
        for k, matrix in enumerate(S):
            row = matrix.T @ scaled
            if np.abs(row).max() > 0:
                rows.append(row)
                columns.append(j * count + where[k])
                sizes.append(weight[k] * np.abs(row).max())
    lines, place = lines_of(np.array(rows))
    B = np.zeros((len(lines), len(directions) * count))
    for (index, _), column, size in zip(place, columns, sizes):
        B[index, column] += size
    if np.linalg.matrix_rank(B) < B.shape[1]:
        return float("inf")
    worst = 0.0
    for column in range(B.shape[1]):
        target = np.zeros(B.shape[1])
        target[column] = 1
        answer = linprog(
            np.ones(2 * len(lines)), A_eq=np.hstack([B.T, -B.T]), b_eq=target, method="highs")
        worst = max(worst, answer.fun)
    return worst


def matching(f, g):
    count = max(len(f), len(g))
    f = np.vstack([f, np.zeros((count - len(f), f.shape[1]))])
    g = np.vstack([g, np.zeros((count - len(g), g.shape[1]))])
    return min(np.abs(f - g[list(p)]).max() for p in itertools.permutations(range(count)))


def swift(values):
    return "[" + ", ".join(repr(float(v)) for v in np.asarray(values).ravel()) + "]"


def main():
    print("// Made by Tests/Oracles/inverse_stability.py.")
    print(f"// NumPy {np.__version__}, SciPy {scipy.__version__} (HiGHS), {datetime.date.today()}.")
    print("\nextension StabilityFixture {")
    print("  /// All fixtures.")
    print("  public static let all: [StabilityFixture] = [")
    for number, (length, h, stride, padding, pooling, m, l, outputs) in enumerate(CASES):
        generator = np.random.default_rng(number)
        S = patches(length, h, stride, padding)
        where, weight, count = windows(len(S), pooling)

        def filters(neurons):
            u = generator.integers(-3, 4, size=(neurons, h)).astype(float)
            u[:, -1] = np.abs(u[:, -1]) + 1
            return u

        def heads(neurons):
            return generator.integers(-8, 9, size=(neurons, count, outputs)) / 4

        f, g = filters(m), filters(l)
        if number % 2 == 0:
            g[0] = 2 * f[0]
        a, b = heads(m), heads(l)
        value, cell_count, line_count = distance([(1, f, a), (-1, g, b)], S, where, weight, outputs)
        directions = []
        for u in np.vstack([f, g]):
            unit = u / np.linalg.norm(u)
            if not any(min(np.abs(unit - v).max(), np.abs(unit + v).max()) < 1e-9 for v in directions):
                directions.append(unit)
        parameters = matching(
            np.hstack([f, a.reshape(m, -1)]), np.hstack([g, b.reshape(l, -1)]))
        bound = beta(directions, S, where, weight, count)
        print("    StabilityFixture(")
        print(f'      length: {length}, filter: {h}, stride: {stride}, padding: "{padding}", pooling: "{pooling}",')
        print(f"      outputs: {outputs}, filters: ({swift(f)}, {swift(g)}),")
        print(f"      weights: ({swift(a)}, {swift(b)}),")
        text = ".infinity" if np.isinf(bound) else repr(float(bound))
        print(f"      distance: {float(value)!r}, beta: {text}, parameters: {float(parameters)!r},")
        print(f"      lineCount: {line_count}, cellCount: {cell_count}),")
    print("  ]")
    print("}")


main()
