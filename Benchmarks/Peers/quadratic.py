"""Quadratic activations: the convex program in one symmetric matrix, by CVXPY.

    python quadratic.py --problem CNN-38 --folder FOLDER --filter 3 --solver CLARABEL|SCS

    minimize 1/(2n) sum_i (<Z, sum_k x_ik x_ik'> - y_i)^2 + lambda |Z|_nuclear

The eigenvectors of Z are the filters. The gap scales the residual until the spectral norm of
sum_i nu_i sum_k x_ik x_ik' is at most lambda, which is that of `result.json`.
"""

from dataclasses import replace

import numpy as np
import problems
import programs
import protocol

SETTINGS = {"SCS": {"eps_abs": 1e-6, "eps_rel": 1e-6, "max_iters": 100_000}}


def moments(problem):
    """The second moments of every image's patches, `[n, h, h]`."""
    patches = problem.patches.reshape(problem.sample_count, -1, int(np.prod(problem.filter)))
    return np.einsum("nkh,nkg->nhg", patches, patches, optimize=True)


def certified(problem, lifted, matrix, strength):
    """Objective of the matrix and its gap."""
    count, targets = problem.sample_count, problem.targets
    predictions = np.einsum("nhg,hg->n", lifted, matrix)
    penalty = np.abs(np.linalg.eigvalsh((matrix + matrix.T) / 2)).sum()
    value = np.mean((predictions - targets) ** 2) / 2 + strength * penalty
    residual = (targets - predictions) / count
    spectrum = np.linalg.eigvalsh(np.einsum("n,nhg->hg", residual, lifted))
    best = residual @ targets / (count * residual @ residual)
    dual = min(best, strength / np.abs(spectrum).max()) * residual
    bound = dual @ targets - count / 2 * dual @ dual
    return value, (value - bound) / value


def solve(options):
    """Solves the program once."""
    import cvxpy

    if options.solver not in cvxpy.installed_solvers():
        return {"missing": f"{options.solver} is not installed"}
    problem = replace(problems.named(options.problem), filter=(options.filter,) * 2)
    lifted, strength = moments(problem), programs.result_of(options.folder)["lambda"]
    count, dimension = lifted.shape[:2]
    with protocol.Stopwatch() as watch:
        matrix = cvxpy.Variable((dimension, dimension), symmetric=True)
        predictions = lifted.reshape(count, -1) @ cvxpy.vec(matrix, order="C")
        loss = cvxpy.sum_squares(predictions - problem.targets) / (2 * count)
        task = cvxpy.Problem(cvxpy.Minimize(loss + strength * cvxpy.normNuc(matrix)))
        task.solve(solver=options.solver, **SETTINGS.get(options.solver, {}))
    value, gap = certified(problem, lifted, matrix.value, strength)
    return protocol.result(watch, value, gap, task.status)


def main():
    """Reads the options and prints one JSON line."""
    options = protocol.parser(__doc__)
    options.add_argument("--filter", type=int, default=3, help="side of the square filter")
    options.add_argument("--solver", choices=["CLARABEL", "SCS"], default="CLARABEL")
    protocol.answer(options.parse_args(), solve)


if __name__ == "__main__":
    main()
