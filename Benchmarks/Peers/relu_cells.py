"""ReLU networks with filters in the cells that ccnn sampled, by Clarabel with lazily added rows.

    python relu_cells.py --problem CNN-38 --folder FOLDER [--rows lazy|all]

Starts without inequalities, and adds the ten most violated rows of each cell and sign until none is
violated by more than 1e-8 of the filter's row products; `all` gives every distinct row at once.
"""

import certify
import numpy as np
import problems
import programs
import protocol

ROWS_PER_ROUND = 10
VIOLATION = 1e-8


def constraint(chosen, cones, dimension):
    """The sparse matrix of the chosen rows, `chosen` one list per cell; None if there are none."""
    import scipy.sparse

    picked = [cones[cell][sorted(rows)] for cell, rows in enumerate(chosen)]
    if not any(map(len, picked)):
        return None
    return scipy.sparse.block_diag(
        [rows if len(rows) else np.empty((0, dimension)) for rows in picked], format="csr")


def restricted(program, chosen):
    """Filters of both signs that are optimal under the chosen rows, and the solver's status."""
    import cvxpy

    count, cells, dimension = program.shape
    filters = [cvxpy.Variable((cells, dimension)) for _ in chosen]
    flat = [cvxpy.vec(block, order="C") for block in filters]
    matrices = [constraint(rows, program.cones, dimension) for rows in chosen]
    rules = [matrix @ block >= 0 for matrix, block in zip(matrices, flat) if matrix is not None]
    loss = cvxpy.sum_squares(program.matrix @ (flat[0] - flat[1]) - program.targets) / 2
    norms = sum(cvxpy.sum(cvxpy.norm(block, 2, axis=1)) for block in filters)
    task = cvxpy.Problem(cvxpy.Minimize(loss + count * program.strength * norms), rules)
    task.solve(solver="CLARABEL")
    return [block.value for block in filters], task.status


def add_violated(program, filters, chosen):
    """Adds the worst rows of every cell and sign; returns how many were new."""
    added = 0
    for blocks, sign in zip(filters, chosen):
        for cell, rows in enumerate(program.cones):
            products = rows @ blocks[cell]
            worst = np.argsort(products)[:ROWS_PER_ROUND]
            new = {int(row) for row in worst if products[row] < -VIOLATION} - sign[cell]
            sign[cell] |= new
            added += len(new)
    return added


def solve(options):
    """Solves with lazy rows or all of them and certifies the point as a ReLU network."""
    program = programs.sampled(problems.named(options.problem), options.folder, is_gated=False)
    everything = [set(range(len(rows))) for rows in program.cones]
    lazy = options.rows == "lazy"
    chosen = [[set() if lazy else set(rows) for rows in everything] for _ in range(2)]
    rounds = 1
    with protocol.Stopwatch() as watch:
        filters, status = restricted(program, chosen)
        while lazy and rounds < 60 and add_violated(program, filters, chosen) > 0:
            filters, status = restricted(program, chosen)
            rounds += 1
    row_count = sum(len(rows) for sign in chosen for rows in sign)
    value, gap = certify.certified(program, *filters)
    return protocol.result(watch, value, gap, f"{row_count} rows, {rounds} rounds, {status}")


def main():
    """Reads the options and prints one JSON line."""
    options = protocol.parser(__doc__)
    options.add_argument("--rows", choices=["lazy", "all"], default="lazy")
    protocol.answer(options.parse_args(), solve)


if __name__ == "__main__":
    main()
