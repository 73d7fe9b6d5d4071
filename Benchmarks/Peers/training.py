"""Non-convex training by PyTorch: CPU time to within 1 % and 0.1 % of the proven optimum.

    python training.py --problem EX-2-80 --folder FOLDER --optimizer adam|sgd|lbfgs --width 50

Convolution, ReLU, sum over positions and a linear output, default initialization, full batch,
double precision; the objective is ccnn's with weight decay on both layers. The optimum is the
objective in `result.json`, which ccnn proved. Every seed has the same budget of CPU seconds;
`seconds` is the median time to within 1 % over the seeds, or missing where half of them do not
arrive.
"""

import math
import statistics

import numpy as np
import problems
import programs
import protocol

LEVELS = (1e-2, 1e-3)


def started(torch, problem, width, seed):
    """Filters and output weights as PyTorch initializes a convolution and a linear layer."""
    torch.manual_seed(seed)
    dimension = int(np.prod(problem.filter))
    filters = torch.empty(width, dimension, dtype=torch.float64).uniform_(-1, 1)
    weights = torch.empty(width, dtype=torch.float64).uniform_(-1, 1) / math.sqrt(width)
    filters /= math.sqrt(dimension)
    return filters.requires_grad_(), weights.requires_grad_()


def optimizer_of(torch, options, parameters):
    """The optimizer that the options name."""
    if options.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=options.rate)
    if options.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=options.rate, momentum=0.9)
    return torch.optim.LBFGS(
        parameters, max_iter=20, history_size=20, line_search_fn="strong_wolfe")


def arrivals(torch, problem, options, optimum, strength, seed):
    """CPU seconds at which the levels were reached, None where not, and the best objective."""
    patches = torch.tensor(problem.patches)
    targets = torch.tensor(problem.targets)
    filters, weights = started(torch, problem, options.width, seed)
    method = optimizer_of(torch, options, [filters, weights])
    best, reached = math.inf, {}

    def objective():
        activations = torch.relu(patches @ filters.T) @ weights
        loss = ((activations.reshape(len(targets), -1).sum(1) - targets) ** 2).mean() / 2
        return loss + strength / 2 * ((filters**2).sum() + (weights**2).sum())

    def closure():
        nonlocal best
        method.zero_grad()
        value = objective()
        value.backward()
        best = min(best, value.item())
        return value

    with protocol.Stopwatch() as watch:
        while watch.elapsed < options.budget and len(reached) < len(LEVELS):
            method.step(closure)
            if not math.isfinite(best):
                break
            for level in LEVELS:
                if best <= optimum * (1 + level):
                    reached.setdefault(level, watch.elapsed)
    return reached, best


def median_arrival(runs, level):
    """The median time to a level, None unless more than half of the seeds reached it."""
    times = sorted(run.get(level, math.inf) for run, _ in runs)
    median = statistics.median(times)
    return median if math.isfinite(median) else None


def solve(options):
    """Trains all seeds and says how many came how close, and when."""
    import torch

    torch.set_num_threads(1)
    problem = problems.named(options.problem)
    known = programs.result_of(options.folder)
    optimum, strength = known["objective"], known["lambda"]
    runs = [
        arrivals(torch, problem, options, optimum, strength, seed) for seed in range(options.seeds)
    ]
    excesses = [best / optimum - 1 for _, best in runs]
    counts = [
        f"{sum(level in run for run, _ in runs)}/{len(runs)} to {level:.1%}" for level in LEVELS
    ]
    finer = median_arrival(runs, LEVELS[1])
    note = ", ".join(counts) + (f" ({finer:.2f} s)" if finer is not None else "")
    seconds = median_arrival(runs, LEVELS[0])
    return {
        "seconds": seconds,
        "megabytes": round(protocol.peak_megabytes()),
        "objective": min(best for _, best in runs),
        "gap": None,
        "note": f"{note}; best {min(excesses):.2%}, median {statistics.median(excesses):.2%} above",
    }


def main():
    """Reads the options and prints one JSON line."""
    options = protocol.parser(__doc__)
    options.add_argument("--optimizer", choices=["adam", "sgd", "lbfgs"], default="adam")
    options.add_argument("--rate", type=float, default=1e-2)
    options.add_argument("--width", type=int, default=50)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--budget", type=float, default=5.0, help="CPU seconds per seed")
    protocol.answer(options.parse_args(), solve)


if __name__ == "__main__":
    main()
