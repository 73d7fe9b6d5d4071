"""Gated networks over the gates that ccnn sampled: a group lasso on pooled blocks.

    python gated.py --problem CNN-38 --folder FOLDER --method clarabel|fista|scnn [--gap 1e-6]

* `clarabel`: CVXPY on the blocks, default accuracy.
* `fista`: restarted FISTA on the blocks in NumPy, until the certified gap.
* `scnn`: pyscnn's R-FISTA on the images (FC-38 only: its convolutional gates do not train), with
  its tolerance on the squared subgradient.
"""

import certify
import numpy as np
import problems
import programs
import protocol


def by_clarabel(program, watch, _):
    """The point of CVXPY and Clarabel, and a note."""
    import cvxpy

    count, cells, dimension = program.shape
    with watch:
        filters = cvxpy.Variable((cells, dimension))
        predictions = program.matrix @ cvxpy.vec(filters, order="C")
        loss = cvxpy.sum_squares(predictions - program.targets) / 2
        norms = cvxpy.sum(cvxpy.norm(filters, 2, axis=1))
        task = cvxpy.Problem(cvxpy.Minimize(loss + count * program.strength * norms))
        task.solve(solver="CLARABEL")
    return filters.value, task.status


def shrunk(point, threshold):
    """Rows with their norms reduced by the threshold, at least to zero."""
    norms = np.linalg.norm(point, axis=1, keepdims=True)
    return point * np.maximum(1 - threshold / np.maximum(norms, 1e-300), 0)


def by_fista(program, watch, options):
    """FISTA with restarts by the sign of the momentum; certifies every 20 iterations."""
    matrix, targets = program.matrix, program.targets
    count, cells, dimension = program.shape
    note = "stopped by the iteration limit"
    with watch:
        step = count / np.linalg.norm(matrix, 2) ** 2
        point = ahead = np.zeros((cells, dimension))
        momentum = 1.0
        for iteration in range(1, 400_001):
            slope = matrix.T @ (matrix @ ahead.ravel() - targets) / count
            following = shrunk(
                ahead - step * slope.reshape(cells, dimension), step * program.strength)
            if np.sum((ahead - following) * (following - point)) > 0:
                momentum, ahead = 1.0, following
            else:
                next_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
                ahead = following + (momentum - 1) / next_momentum * (following - point)
                momentum = next_momentum
            point = following
            if iteration % 20 == 0 and certify.certified(program, point)[1] <= options.gap:
                note = f"{iteration} iterations"
                break
    return point, note


def by_scnn(program, watch, options):
    """pyscnn's R-FISTA in double precision on dense images with the same gates."""
    import torch
    from safetensors.numpy import load_file
    from scnn.metrics import Metrics
    from scnn.models import ConvexGatedReLU
    from scnn.optimize import optimize_model
    from scnn.regularizers import NeuronGL1
    from scnn.solvers import RFISTA

    if program.problem.name != "FC-38":
        raise ValueError("gated.py: pyscnn trains dense networks only; expected FC-38.")
    torch.set_num_threads(1)
    gates = load_file(f"{options.folder}/model.safetensors")["cells.gates"]
    model = ConvexGatedReLU(gates.T.copy())
    solver = RFISTA(model, max_iters=50_000, tol=options.tolerance)
    images, targets = program.problem.patches, program.targets[:, None]
    with watch:
        trained, _ = optimize_model(
            model, solver, Metrics(), images, targets, regularizer=NeuronGL1(program.strength),
            return_convex=True, unitize_data=False, dtype="float64")
    filters = np.zeros_like(gates)
    for gate, found in zip(np.asarray(trained.G).T, np.asarray(trained.parameters[0])[0]):
        filters[np.abs(gates - gate).sum(axis=1).argmin()] += found  # scnn reorders its gates
    return filters, f"tolerance {options.tolerance:g}"


METHODS = {"clarabel": by_clarabel, "fista": by_fista, "scnn": by_scnn}


def solve(options):
    """Solves once by the chosen method and certifies the point."""
    program = programs.sampled(problems.named(options.problem), options.folder, is_gated=True)
    watch = protocol.Stopwatch()
    filters, note = METHODS[options.method](program, watch, options)
    value, gap = certify.certified(program, filters)
    return protocol.result(watch, value, gap, note)


def main():
    """Reads the options and prints one JSON line."""
    options = protocol.parser(__doc__)
    options.add_argument("--method", choices=list(METHODS), default="clarabel")
    options.add_argument("--gap", type=float, default=1e-6, help="where FISTA stops")
    options.add_argument("--tolerance", type=float, default=1e-10, help="where scnn stops")
    protocol.answer(options.parse_args(), solve)


if __name__ == "__main__":
    main()
