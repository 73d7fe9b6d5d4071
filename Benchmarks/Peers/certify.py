"""One certificate for every peer, from the network that it returned and nothing else.

Primal: the objective of the network itself, `relu(x . u)` or `1[x . g >= 0] x . u`, at its own
weights. Dual: the residual (y - f)/n scaled until it is feasible, that is until no filter of any
cell of the program correlates with it by more than lambda; the largest correlation is the norm of
a projection on a cone (nonnegative least squares) or, for gated networks, a plain norm.
gap = (primal - dual)/primal.

    python certify.py --problem EX-2-20 --folder FOLDER --kind exact|relu|gated
"""

from pathlib import Path

import numpy as np


def cone_projection_norm(rows, vector):
    """Norm of a vector's projection on {u : rows u >= 0}, by nonnegative least squares."""
    from scipy.optimize import nnls

    if (rows @ vector).min(initial=0.0) >= 0:
        return np.linalg.norm(vector)
    multipliers, _ = nnls(rows.T, -vector, maxiter=100 * len(rows) + 1000)
    return np.linalg.norm(vector + rows.T @ multipliers)


def dual_norm(program, dual):
    """The largest correlation of a unit filter in any cell with the dual point, either sign."""
    correlations = np.einsum("nbh,n->bh", program.blocks, dual, optimize=True)
    norms = np.linalg.norm(correlations, axis=1)
    if program.cones is None:
        return norms.max()
    largest = 0.0
    for cell in np.argsort(-norms):
        if norms[cell] <= largest:
            break
        for sign in (1, -1):
            norm = cone_projection_norm(program.cones[cell], sign * correlations[cell])
            largest = max(largest, norm)
    return largest


def lower_bound(program, predictions):
    """The dual objective of the residual, scaled as well as feasibility allows."""
    count = len(predictions)
    residual = (program.targets - predictions) / count
    norm = dual_norm(program, residual)
    best = residual @ program.targets / (count * residual @ residual)
    scale = min(best, program.strength / norm)
    dual = scale * residual
    return dual @ program.targets - count / 2 * dual @ dual


def objective(program, predictions, penalty):
    """(1/2n) |f - y|^2 + lambda * penalty."""
    return (np.mean((predictions - program.targets) ** 2) / 2) + program.strength * penalty


def relu_predictions(program, filters, weights):
    """Predictions of the true ReLU network with filters `[neurons, patchDimension]`."""
    activations = np.maximum(program.problem.patches @ filters.T, 0) @ weights
    return activations.reshape(len(program.targets), -1).sum(axis=1)


def certified(program, positive, negative=None):
    """Objective of the network of a point, and its gap.

    `positive` and `negative` are `[cells, patchDimension]`; neurons have output weight +1 or -1.
    With cones the filters count as ReLU neurons, without as gated ones.
    """
    penalty = np.linalg.norm(positive, axis=1).sum()
    if program.cones is None:
        predictions = program.matrix @ positive.ravel()
    else:
        penalty += np.linalg.norm(negative, axis=1).sum()
        signs = np.repeat([1.0, -1.0], len(positive))
        predictions = relu_predictions(program, np.concatenate([positive, negative]), signs)
    value = objective(program, predictions, penalty)
    return value, (value - lower_bound(program, predictions)) / value


def certified_model(program, folder):
    """Objective and gap of the network that ccnn wrote to `model.safetensors`."""
    from safetensors.numpy import load_file

    model = load_file(Path(folder) / "model.safetensors")
    filters = model["conv.weight"].reshape(len(model["conv.weight"]), -1)
    weights = model["head.weight"][0]
    penalty = (np.linalg.norm(filters, axis=1) * np.abs(weights)).sum()
    if program.cones is None:
        patches = program.problem.patches
        gates = model["gates.weight"].reshape(len(filters), -1)
        activations = np.where(patches @ gates.T >= 0, patches @ filters.T, 0) @ weights
        predictions = activations.reshape(len(program.targets), -1).sum(axis=1)
    else:
        predictions = relu_predictions(program, filters, weights)
    value = objective(program, predictions, penalty)
    return value, (value - lower_bound(program, predictions)) / value


def main():
    """Certifies ccnn's model by the same routine as the peers' points."""
    import problems
    import programs
    import protocol

    options = protocol.parser(__doc__)
    options.add_argument("--kind", choices=["exact", "relu", "gated"], required=True)

    def solve(given):
        problem = problems.named(given.problem)
        if given.kind == "exact":
            program = programs.enumerated(problem, given.folder, facets_only=True)
        else:
            program = programs.sampled(problem, given.folder, given.kind == "gated")
        with protocol.Stopwatch() as watch:
            value, gap = certified_model(program, given.folder)
        return protocol.result(watch, value, gap)

    protocol.answer(options.parse_args(), solve)


if __name__ == "__main__":
    main()
