"""Optimal values of ReLU CNN training problems over all cells, by CVXPY and Clarabel, each verified by a duality gap.

Prints Tests/TestSupport/CertifiedOptimum+Rows.swift (20 seconds; the log goes to standard error). Shares no code with
the package:

    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install cvxpy==1.9.3 clarabel==0.11.1
    /tmp/oracle/bin/python -W ignore Tests/Oracles/certified_optima.py > Tests/TestSupport/CertifiedOptimum+Rows.swift

with --output-bias Tests/TestSupport/CertifiedOptimum+BiasedRows.swift, whose networks have an output bias that no penalty
counts, and with --max-pooling Tests/TestSupport/CertifiedOptimum+PooledRows.swift: maxima over several windows, with
several outputs, and of filters of length 3; with --inexact Tests/TestSupport/CertifiedOptimum+InexactRows.swift, found by trying
seeds from 400 on with copositive_relaxations.py.

Committed rows: cvxpy 1.9.3, clarabel 0.11.1, numpy 2.4.6, scipy 1.17.1, 27 November 2026.

Method. All cells of the arrangement are enumerated and cut into simplicial cones `{R t : t >= 0}` with unit rays as
columns of `R`. Where a filter has one output, the program is that of Pilanci & Ergen (2020): `v = R t`, `w = R s`. Where
it has several, `Z = sum_j u_j g_j'` with `u_j = R t_j` becomes `Z = R Y` with `[[C, Y], [Y', V]]` positive semidefinite and
`C >= 0` entrywise; the norm is the least `(tr R C R' + tr V) / 2`. Doubly nonnegative matrices of order up to 4 are
completely positive, so this is exact for filters of length 2, 3 and 4.

Verification, in numpy. Lower bound: the multipliers of the predictions, scaled by the exact dual norm (the largest over
all faces of the arrangement, each by the top eigenvector of its span). Upper bound: a network with the filters where the
dual norm is attained, output weights by Clarabel, objective by a plain forward pass. A row is printed only when the two
agree to 1e-7 relative (all agree to 2e-11); a few rounds of column generation close what the accuracy of the solver leaves open.
With an output bias the multipliers are made to sum to zero over the samples, up to 1e-14.
"""

import datetime
import itertools
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import clarabel
import cvxpy as cp
import numpy as np
import scipy
from scipy.optimize import minimize_scalar
from scipy.spatial import Delaunay

TIGHT = dict(solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11, max_iter=400)
AGREEMENT = 1e-7


class Numbers:
    """The generator of Tests/TestSupport/OracleNumbers.swift: multiples of 1/64 in [-2, 2)."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 1103515245 + 12345) % 2**31
        return (self.state // 65536 % 256 - 128) / 64

    def matrix(self, rows, columns):
        return np.array([[self.next() for _ in range(columns)] for _ in range(rows)])


def lines_of(rows):
    """Unit normals without zero rows and without repeats up to sign."""
    kept = []
    for row in rows:
        norm = np.linalg.norm(row)
        if norm > 1e-12 and all(abs(row @ other) < (1 - 1e-13) * norm for other in kept):
            kept.append(row / norm)
    return np.array(kept).reshape(-1, rows.shape[1])


def cells_with_rays(lines):
    """All full-dimensional cells as (sum of the rays, rays): two in a line, else by their extreme rays."""
    h = lines.shape[1]
    if h == 1:
        return [(np.array([s]), np.array([[s]])) for s in (1.0, -1.0)]
    cells = {}
    rays = []
    for subset in itertools.combinations(range(len(lines)), h - 1):
        _, values, vt = np.linalg.svd(lines[list(subset)])
        if values[-1] < 1e-10:
            continue
        for ray in (vt[-1], -vt[-1]):
            if not any(ray @ other > 1 - 1e-13 for other in rays):
                rays.append(ray)
    for ray in rays:
        products = lines @ ray
        on = np.flatnonzero(np.abs(products) < 1e-10)
        # The cells around a ray are those of the lines through it, in the quotient by the ray.
        basis = np.linalg.svd(ray[None, :])[2][1:]
        for inner, _ in cells_with_rays(lines_of(lines[on] @ basis.T)) if h > 2 else [(None, None)] * 2:
            signs = np.sign(products)
            if h > 2:
                signs[on] = np.sign(lines[on] @ basis.T @ inner)
                cells.setdefault(signs.tobytes(), []).append(ray)
        if h == 2:
            for s in (1.0, -1.0):
                signs = np.sign(products)
                signs[on] = s
                cells.setdefault(signs.tobytes(), []).append(ray)
    return [(np.sum(found, axis=0), np.array(found)) for found in cells.values()]


def simplicial(witness, rays, lines):
    """A cell cut into cones of exactly h rays."""
    h = rays.shape[1]
    if len(rays) == h:
        return [rays]
    axis = np.sum(np.sign(lines @ witness)[:, None] * lines, axis=0)
    section = rays / (rays @ axis)[:, None]
    flat = (section - section[0]) @ np.linalg.svd(axis[None, :])[2][1:].T
    return [rays[list(part)] for part in Delaunay(flat).simplices]


class Problem:
    """One problem on signals, un-normalised: `sum_i loss + beta sum_j |u_j| |W_j|`."""

    def __init__(self, seed, n, length, h, pooling, loss, outputs, beta, has_output_bias=False):
        self.has_output_bias = has_output_bias
        numbers = Numbers(seed)
        x = numbers.matrix(n, length)
        targets = numbers.matrix(n, outputs)
        positions = length - h + 1
        self.n, self.h, self.c, self.beta, self.loss, self.pooling = n, h, outputs, beta, loss, pooling
        self.patches = np.stack([x[:, k : k + h] for k in range(positions)], axis=1)
        kind, _, grid = pooling.partition(":1x")
        count = positions if kind == "none" else int(grid or 1)
        self.windows = [
            range(q * positions // count, (q + 1) * positions // count) for q in range(count)
        ]
        self.weights = [1 / len(w) if kind == "average" else 1 for w in self.windows]
        self.is_max, self.a = kind == "max", count
        if loss == "logistic":
            targets = np.where(targets >= 0, 1.0, -1.0)
        if loss == "softmax":
            targets = np.eye(outputs)[np.argmax(targets, axis=1)]
        self.y = targets
        rows = self.patches.reshape(-1, h)
        if self.is_max:
            differences = [
                self.patches[:, k] - self.patches[:, j]
                for w in self.windows for k in w for j in w if j > k
            ]
            rows = np.concatenate([rows] + differences)
        self.lines = lines_of(rows)

    def features(self, u):
        """Pooled activations of a filter, shape (n, a)."""
        active = np.maximum(self.patches @ u, 0)
        pool = (lambda f: f.max(axis=1)) if self.is_max else (lambda f: f.sum(axis=1))
        return np.stack([s * pool(active[:, w]) for w, s in zip(self.windows, self.weights)], axis=1)

    def map(self, u):
        """The linear map of the face that holds a filter, shape (a, n, h): `features(u)[:, q] = map(u)[q] @ u`."""
        responses = self.patches @ u
        active = responses > 0
        if self.is_max:
            winner = np.zeros_like(active)
            for w in self.windows:
                winner[np.arange(self.n), np.array(w)[responses[:, w].argmax(axis=1)]] = True
            active = active & winner
        return np.stack(
            [s * np.einsum("nk,nkh->nh", active[:, w], self.patches[:, w]) for w, s in zip(self.windows, self.weights)]
        )

    def value(self, f):
        if self.loss == "squared":
            return 0.5 * np.sum((f - self.y) ** 2)
        if self.loss == "logistic":
            return np.sum(np.logaddexp(0, -self.y * f))
        return np.sum(np.logaddexp.reduce(f, axis=1)) - np.sum(f * self.y)

    def gradient(self, f):
        if self.loss == "squared":
            return f - self.y
        if self.loss == "logistic":
            return -self.y / (1 + np.exp(self.y * f))
        e = np.exp(f - f.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True) - self.y

    def constants(self):
        """The output bias as variables, or zeros."""
        return cp.Variable(self.c) if self.has_output_bias else np.zeros(self.c)

    def balanced(self, nu):
        """The nearest multipliers, in the metric of the loss, whose sums over the samples vanish, if there is a bias."""
        if self.has_output_bias and self.loss == "softmax":
            nu = nu - nu.mean(axis=1, keepdims=True)
        for _ in range(5 if self.has_output_bias else 0):
            if self.loss == "squared":
                hessians = np.stack([np.eye(self.c)] * self.n)
            elif self.loss == "logistic":
                q = -self.y * nu
                hessians = (q * (1 - q))[:, :, None]
            else:
                p = nu + self.y
                hessians = np.einsum("nk,kl->nkl", p, np.eye(self.c)) - np.einsum("nk,nl->nkl", p, p)
            shift = np.linalg.lstsq(hessians.sum(axis=0), nu.sum(axis=0), rcond=1e-10)[0]
            nu = nu - hessians @ shift
        assert not self.has_output_bias or np.abs(nu.sum(axis=0)).max() <= 1e-14
        return nu

    def expression(self, f):
        if self.loss == "squared":
            return 0.5 * cp.sum_squares(f - self.y)
        if self.loss == "logistic":
            return cp.sum(cp.logistic(-cp.multiply(self.y, f)))
        return cp.sum(cp.log_sum_exp(f, axis=1)) - cp.sum(cp.multiply(f, self.y))

    def faces(self):
        """A point in each face of the arrangement and an orthonormal basis of the face's span."""
        if hasattr(self, "known_faces"):
            return self.known_faces
        self.known_faces = []
        spans = []
        for size in range(self.h):
            for subset in itertools.combinations(range(len(self.lines)), size):
                basis = np.eye(self.h)
                if size:
                    _, values, vt = np.linalg.svd(self.lines[list(subset)])
                    if values[-1] < 1e-10:
                        continue
                    basis = vt[size:].T
                projector = basis @ basis.T
                if size and any(np.abs(projector - other).max() < 1e-9 for other in spans):
                    continue
                spans.append(projector)
                inside = np.linalg.norm(self.lines @ basis, axis=1) > 1e-10
                restricted = lines_of(self.lines[inside] @ basis)
                for witness, _ in cells_with_rays(restricted):
                    self.known_faces.append((basis @ witness, basis))
        return self.known_faces

    def dual_norm(self, nu):
        """The exact dual norm, and the filters of all faces whose top eigenvector lies inside."""
        found = []
        for witness, basis in self.faces():
            form = np.einsum("anh,nc->ach", self.map(witness / np.linalg.norm(witness)), nu).reshape(-1, self.h)
            _, values, vt = np.linalg.svd(form @ basis)
            u = basis @ vt[0]
            signs = np.where(np.linalg.norm(self.lines @ basis, axis=1) > 1e-10, np.sign(self.lines @ witness), 0)
            for filter in (u, -u):
                if np.all(signs * (self.lines @ filter) >= -1e-11):
                    found.append((np.linalg.norm(self.features(filter).T @ nu), filter))
        return max(value for value, _ in found), found

    def dual_value(self, nu, norm):
        """`-L*(s nu)` at the best scale that keeps the dual norm within beta, with a margin for rounding."""
        largest = self.beta / (norm * (1 + 1e-12))
        if self.loss == "squared":
            best = min(largest, max(0, -np.sum(nu * self.y) / np.sum(nu * nu)))
            return -best * np.sum(nu * self.y) - 0.5 * best**2 * np.sum(nu * nu)

        def entropy(p):
            return -np.sum(np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0))

        if self.loss == "logistic":
            q = np.clip(-self.y * nu, 0, None)
            top = min(largest, 1 / q.max())
            bound = lambda s: entropy(s * q) + entropy(1 - s * q)
        else:
            nu = nu - nu.mean(axis=1, keepdims=True)
            top = min([largest] + list((-self.y / np.where(nu < 0, nu, np.inf))[(self.y > 0) & (nu < 0)]))
            bound = lambda s: entropy(np.clip(self.y + s * nu, 0, None))
        inner = minimize_scalar(lambda s: -bound(s), bounds=(0, top), method="bounded", options=dict(xatol=1e-12))
        return max(bound(top), -inner.fun)

    def cone_program(self):
        """The convex program over all cells: its value and the multipliers of the predictions."""
        size = self.a * self.c
        constants = self.constants()
        prediction = [constants[k] for k in range(self.c)]
        norms, constraints, count = 0, [], 0
        cells = cells_with_rays(self.lines)
        for witness, rays in cells:
            parts = [rays] if size == 1 else simplicial(witness, rays, self.lines)
            maps = self.map(witness / np.linalg.norm(witness))
            for part in parts:
                count += 1
                features = maps @ part.T
                if size == 1:
                    t, s = cp.Variable(len(part), nonneg=True), cp.Variable(len(part), nonneg=True)
                    norms = norms + cp.norm(part.T @ t) + cp.norm(part.T @ s)
                    prediction[0] = prediction[0] + features[0] @ (t - s)
                else:
                    block = cp.Variable((self.h + size, self.h + size), PSD=True)
                    lower = np.tril_indices(self.h)
                    constraints.append(block[lower] >= 0)
                    gram = part @ part.T
                    norms = norms + 0.5 * (
                        cp.sum(cp.multiply(gram, block[: self.h, : self.h])) + cp.trace(block[self.h :, self.h :])
                    )
                    for k in range(self.c):
                        prediction[k] = prediction[k] + sum(
                            features[q] @ block[: self.h, self.h + q * self.c + k] for q in range(self.a)
                        )
        f = cp.Variable((self.n, self.c))
        link = [f[:, k] == prediction[k] for k in range(self.c)]
        problem = cp.Problem(cp.Minimize(self.expression(f) + self.beta * norms), link + constraints)
        problem.solve(**TIGHT)
        # Whatever sign the modelling layer gives multipliers, they are those of grad L.
        nu = np.stack([constraint.dual_value for constraint in link], axis=1)
        if np.sum(nu * self.gradient(f.value)) < 0:
            nu = -nu
        return problem.value, self.balanced(nu), f.value, len(cells), count

    def master(self, filters):
        """Output weights and bias over given filters by Clarabel."""
        constants = self.constants()
        features = np.stack([self.features(u) for u in filters])
        w = cp.Variable((len(filters), self.a * self.c))
        f = cp.Variable((self.n, self.c))
        link = [
            f[:, k]
            == constants[k] + sum(features[:, :, q].T @ w[:, q * self.c + k] for q in range(self.a))
            for k in range(self.c)
        ]
        problem = cp.Problem(cp.Minimize(self.expression(f) + self.beta * cp.sum(cp.norm(w, axis=1))), link)
        problem.solve(**TIGHT)
        nu = np.stack([constraint.dual_value for constraint in link], axis=1)
        if np.sum(nu * self.gradient(f.value)) < 0:
            nu = -nu
        bias = constants.value if self.has_output_bias else constants
        return w.value, bias, self.balanced(nu)

    def objective(self, filters, weights, bias):
        """Objective of a network by a plain forward pass."""
        f = bias + sum(self.features(u) @ w.reshape(self.a, self.c) for u, w in zip(filters, weights))
        return self.value(f) + self.beta * np.sum(np.linalg.norm(weights, axis=1) * np.linalg.norm(filters, axis=1)), f

    def certified(self):
        """Solver value, upper bound, lower bound, cells, cones, neurons."""
        value, nu, _, cells, cones = self.cone_program()
        norm, found = self.dual_norm(nu)
        lower = self.dual_value(nu, norm)
        direct = lower
        filters = [u for v, u in found if v > self.beta * (1 - 1e-4)]
        upper = np.inf
        for _ in range(8):
            filters = distinct(filters)
            weights, bias, nu = self.master(filters)
            kept = np.linalg.norm(weights, axis=1) > 1e-9
            filters, weights = [u for u, k in zip(filters, kept) if k], weights[kept]
            total, f = self.objective(np.array(filters), weights, bias)
            upper = min(upper, total)
            neurons = len(filters)
            for point in (nu, self.balanced(self.gradient(f))):
                norm, found = self.dual_norm(point)
                lower = max(lower, self.dual_value(point, norm))
            if upper - lower <= 1e-9 * upper:
                break
            filters += [u for v, u in found if v > self.beta * (1 - 1e-7)]
        return value, upper, lower, direct, cells, cones, neurons


def distinct(filters):
    kept = []
    for u in filters:
        if not any(u @ other > 1 - 1e-14 for other in kept):
            kept.append(u)
    return kept


CASES = [
    # (name, seed, n, length, h, pooling, loss, outputs, beta)
    ("scalar", 101, 6, 6, 2, "sum", "squared", 1, 0.1),
    ("scalar", 102, 6, 6, 2, "sum", "squared", 1, 0.1),
    ("scalar", 103, 6, 6, 2, "sum", "squared", 1, 0.1),
    ("scalar, beta 1", 101, 6, 6, 2, "sum", "squared", 1, 1),
    ("scalar, h 3", 104, 5, 5, 3, "sum", "squared", 1, 0.1),
    ("two outputs", 105, 6, 6, 2, "sum", "squared", 2, 0.5),
    ("two outputs", 106, 6, 6, 2, "sum", "squared", 2, 0.5),
    ("per position", 107, 6, 6, 2, "none", "squared", 1, 0.3),
    ("two windows, two outputs", 108, 6, 6, 2, "sum:1x2", "squared", 2, 0.3),
    ("logistic", 109, 8, 5, 2, "sum", "logistic", 1, 0.4),
    ("softmax", 110, 8, 6, 2, "average", "softmax", 3, 0.1),
    ("two outputs, h 3", 111, 4, 5, 3, "sum", "squared", 2, 0.3),
    ("two outputs, h 3", 112, 4, 5, 3, "sum", "squared", 2, 0.3),
    ("two outputs, h 3", 113, 4, 5, 3, "sum", "squared", 2, 0.3),
    ("max pooling", 114, 5, 4, 2, "max", "squared", 1, 0.1),
    ("max pooling", 115, 6, 5, 2, "max", "squared", 1, 0.1),
    ("max pooling", 116, 6, 5, 2, "max", "squared", 1, 0.2),
    ("scalar, h 4", 117, 4, 6, 4, "sum", "squared", 1, 0.1),
    ("two outputs, h 4", 118, 3, 6, 4, "sum", "squared", 2, 0.2),
]


# (as above), with an output bias
BIASED_CASES = [
    ("scalar", 201, 6, 6, 2, "sum", "squared", 1, 0.1),
    ("scalar, h 3", 202, 5, 5, 3, "sum", "squared", 1, 0.1),
    ("two outputs", 203, 6, 6, 2, "sum", "squared", 2, 0.5),
    ("two windows, two outputs", 204, 6, 6, 2, "sum:1x2", "squared", 2, 0.3),
    ("two outputs, h 3", 205, 5, 5, 3, "sum", "squared", 2, 0.3),
    ("max pooling", 206, 6, 5, 2, "max", "squared", 1, 0.1),
    ("logistic", 207, 10, 5, 2, "sum", "logistic", 1, 0.4),
    ("logistic, h 3", 208, 7, 5, 3, "sum", "logistic", 1, 0.3),
    ("softmax", 216, 9, 6, 2, "average", "softmax", 3, 0.2),
    ("softmax", 218, 9, 6, 2, "average", "softmax", 3, 0.2),
    ("softmax, h 3", 212, 6, 5, 3, "sum", "softmax", 3, 0.3),
]

# (as above), with maxima over windows, for several outputs, of longer filters
POOLED_CASES = [
    ("two windows", 301, 6, 6, 2, "max:1x2", "squared", 1, 0.1),
    ("two windows", 302, 7, 7, 2, "max:1x2", "squared", 1, 0.2),
    ("two outputs", 303, 6, 5, 2, "max", "squared", 2, 0.3),
    ("two outputs", 304, 7, 5, 2, "max", "squared", 2, 0.2),
    ("two windows, two outputs", 305, 6, 6, 2, "max:1x2", "squared", 2, 0.3),
    ("two windows, logistic", 306, 8, 6, 2, "max:1x2", "logistic", 1, 0.3),
    ("softmax", 307, 8, 5, 2, "max", "softmax", 3, 0.2),
    ("two windows, softmax", 308, 7, 6, 2, "max:1x2", "softmax", 3, 0.2),
    ("h 3", 309, 3, 5, 3, "max", "squared", 1, 0.1),
    ("h 3, two windows", 310, 3, 6, 3, "max:1x2", "squared", 1, 0.1),
    ("h 3, two outputs", 311, 3, 4, 3, "max", "squared", 2, 0.2),
]

# (as above), dense networks of filters of length 4 whose doubly nonnegative relaxation lies below the optimum
INEXACT_CASES = [
    ("dense, h 4", 406, 6, 4, 4, "sum", "squared", 2, 0.3),
    ("dense, h 4", 408, 7, 4, 4, "sum", "squared", 3, 0.3),
    ("dense, h 4", 413, 7, 4, 4, "sum", "squared", 3, 0.3),
]

# name of the list, title, option and cases of each file
LISTS = [
    ("all", "All problems without an output bias.", "", CASES),
    ("withOutputBias", "Problems whose networks have an output bias.", " --output-bias", BIASED_CASES),
    ("withMaxPooling", "More problems with max pooling.", " --max-pooling", POOLED_CASES),
    (
        "withInexactRelaxation", "Problems whose doubly nonnegative relaxation lies below the optimum.",
        " --inexact", INEXACT_CASES,
    ),
]


def row(case, has_output_bias):
    name, seed, n, length, h, pooling, loss, outputs, beta = case
    problem = Problem(seed, n, length, h, pooling, loss, outputs, beta, has_output_bias)
    value, upper, lower, direct, cells, cones, neurons = problem.certified()
    gap = (upper - lower) / upper
    print(
        f"{name}: seed {seed}, {len(problem.lines)} lines, {cells} cells, {cones} cones, {neurons} neurons, "
        f"solver {value:.12g}, upper {upper:.12g}, lower {lower:.12g}, gap {gap:.1e}, "
        f"gap with the program's own multipliers {(upper - direct) / upper:.1e}, "
        f"solver - upper {(value - upper) / upper:.1e}",
        file=sys.stderr, flush=True,
    )
    if gap > AGREEMENT or not abs(value - upper) <= AGREEMENT * upper:
        print(f"{name}: seed {seed} discarded", file=sys.stderr, flush=True)
        return
    print(
        f"    CertifiedOptimum(\n"
        f'      name: "{name}", seed: {seed}, sampleCount: {n}, length: {length}, h: {h},\n'
        f'      pooling: "{pooling}", loss: "{loss}", outputs: {outputs}, beta: {beta}, cellCount: {cells},\n'
        f"      upperBound: {float(upper) / n!r}, lowerBound: {float(lower) / n!r}"
        + (",\n      hasOutputBias: true)," if has_output_bias else "),"),
        flush=True,
    )


if __name__ == "__main__":
    versions = f"cvxpy {cp.__version__}, clarabel {clarabel.__version__}, numpy {np.__version__}, scipy {scipy.__version__}"
    print(versions, file=sys.stderr)
    arguments = sys.argv[1:]
    options = [a for a in arguments if a.startswith("--")]
    chosen = [int(a) for a in arguments if a not in options]
    ((name, title, option, cases),) = [row for row in LISTS if row[2].strip() == "".join(options)]
    print(
        f"extension CertifiedOptimum {{\n"
        f"  /// {title}\n"
        f"  ///\n"
        f"  /// Printed by `Tests/Oracles/certified_optima.py{option}`, {datetime.date.today():%-d %B %Y}:\n"
        f"  /// {versions}.\n"
        f"  public static let {name} = ["
    )
    for case in cases:
        if not chosen or case[1] in chosen:
            row(case, cases is BIASED_CASES)
    print("  ]\n}")
