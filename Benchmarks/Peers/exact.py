"""The exact ReLU program over all cells, by CVXPY with an interior-point or a first-order solver.

    python exact.py --problem EX-2-20 --folder FOLDER --solver CLARABEL|ECOS|SCS --rows facets|all

Cells and facets come from `ccnn enumerate`; the time of listing them is not counted. `all` keeps
one inequality per patch and cell, as a direct transcription of the theorem does; `facets` only
those that bound the cell. The time includes CVXPY's compilation.
"""

import certify
import problems
import programs
import protocol

SETTINGS = {"SCS": {"eps_abs": 1e-5, "eps_rel": 1e-5, "max_iters": 100_000}}


def solve(options):
    """Solves the program once; the point is certified as the network that it stands for."""
    import cvxpy
    import scipy.sparse

    if options.solver not in cvxpy.installed_solvers():
        return {"missing": f"{options.solver} is not installed"}
    problem = problems.named(options.problem)
    program = programs.enumerated(problem, options.folder, options.rows == "facets")
    count, cells, dimension = program.shape
    matrix, targets = program.matrix, program.targets
    with protocol.Stopwatch() as watch:
        positive = cvxpy.Variable((cells, dimension))
        negative = cvxpy.Variable((cells, dimension))
        flat = [cvxpy.vec(block, order="C") for block in (positive, negative)]
        rows = scipy.sparse.block_diag(program.cones, format="csr")
        norms = sum(cvxpy.sum(cvxpy.norm(block, 2, axis=1)) for block in (positive, negative))
        loss = cvxpy.sum_squares(matrix @ (flat[0] - flat[1]) - targets) / 2
        goal = cvxpy.Minimize(loss + count * program.strength * norms)
        task = cvxpy.Problem(goal, [rows @ flat[0] >= 0, rows @ flat[1] >= 0])
        task.solve(solver=options.solver, **SETTINGS.get(options.solver, {}))
    if positive.value is None:
        return {"missing": f"{options.solver} ended with status {task.status}"}
    value, gap = certify.certified(program, positive.value, negative.value)
    note = f"{cells} cells, {2 * rows.shape[0]} inequalities, {task.status}"
    return protocol.result(watch, value, gap, note)


def main():
    """Reads the options and prints one JSON line."""
    options = protocol.parser(__doc__)
    options.add_argument("--solver", choices=["CLARABEL", "ECOS", "SCS"], default="CLARABEL")
    options.add_argument("--rows", choices=["facets", "all"], default="facets")
    protocol.answer(options.parse_args(), solve)


if __name__ == "__main__":
    main()
