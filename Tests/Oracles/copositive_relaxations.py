"""Nuclear and doubly nonnegative relaxations of ReLU CNN training problems over all cells, by CVXPY and Clarabel.

Prints Tests/TestSupport/CertifiedOptimum+Relaxations.swift (the log goes to standard error), and with --inexact
CertifiedOptimum+InexactRelaxations.swift. The problems are those of certified_optima.py, and so is the environment:

    /tmp/oracle/bin/python -W ignore Tests/Oracles/copositive_relaxations.py > Tests/TestSupport/CertifiedOptimum+Relaxations.swift

Method. For every cell a positive semidefinite block [[U, Z], [Z', V]] with the price (tr U + tr V) / 2. Nuclear: nothing
else. Relaxed: f' U g >= 0 for all pairs of facets of the cell, those signed lines whose rays span them.
"""

import datetime
import sys

import clarabel
import cvxpy as cp
import numpy as np
import scipy

from certified_optima import CASES, INEXACT_CASES, TIGHT, Problem, cells_with_rays


def relaxation(problem, is_relaxed):
    size = problem.a * problem.c
    norms, constraints = 0, []
    prediction = [0 for _ in range(problem.c)]
    for witness, rays in cells_with_rays(problem.lines):
        maps = problem.map(witness / np.linalg.norm(witness))
        block = cp.Variable((problem.h + size, problem.h + size), PSD=True)
        norms = norms + 0.5 * cp.trace(block)
        if is_relaxed:
            rows = np.sign(problem.lines @ witness)[:, None] * problem.lines
            on = [rays[np.abs(rays @ row) < 1e-9] for row in rows]
            rows = rows[[len(r) > 0 and np.linalg.matrix_rank(r, tol=1e-9) == problem.h - 1 for r in on]]
            rows = rows / np.linalg.norm(rows, axis=1)[:, None]
            lower = np.tril_indices(len(rows), -1)
            constraints.append((rows @ block[: problem.h, : problem.h] @ rows.T)[lower] >= 0)
        for k in range(problem.c):
            prediction[k] = prediction[k] + sum(
                maps[q] @ block[: problem.h, problem.h + q * problem.c + k] for q in range(problem.a)
            )
    f = cp.Variable((problem.n, problem.c))
    link = [f[:, k] == prediction[k] for k in range(problem.c)]
    program = cp.Problem(cp.Minimize(problem.expression(f) + problem.beta * norms), link + constraints)
    try:
        program.solve(**TIGHT)
    except cp.error.SolverError:
        program.solve(solver=cp.CLARABEL, max_iter=400)
    return program.value / problem.n


if __name__ == "__main__":
    versions = f"cvxpy {cp.__version__}, clarabel {clarabel.__version__}, numpy {np.__version__}, scipy {scipy.__version__}"
    option = " --inexact" if "--inexact" in sys.argv[1:] else ""
    name, listed = ("inexactRelaxations", "withInexactRelaxation") if option else ("relaxations", "all")
    print(
        f"extension CertifiedOptimum {{\n"
        f"  /// Optima of the nuclear and of the doubly nonnegative relaxation, mean loss, in the order of `{listed}`.\n"
        f"  ///\n"
        f"  /// Printed by `Tests/Oracles/copositive_relaxations.py{option}`, {datetime.date.today():%-d %B %Y}:\n"
        f"  /// {versions}.\n"
        f"  public static let {name}: [(nuclear: Double, relaxed: Double)] = ["
    )
    for name, seed, *rest in INEXACT_CASES if option else CASES:
        problem = Problem(seed, *rest, False)
        nuclear, relaxed = relaxation(problem, False), relaxation(problem, True)
        print(f"{name} {seed}: nuclear {nuclear:.12g}, relaxed {relaxed:.12g}", file=sys.stderr, flush=True)
        print(f"    (nuclear: {float(nuclear)!r}, relaxed: {float(relaxed)!r}),", flush=True)
    print("  ]\n}")
