"""A path of 100 strengths for gated networks, by adelie's group lasso on the pooled blocks.

    python path.py --problem FC-38 --folder FOLDER [--points 100] [--ratio 1e-3]

From lambdaMax geometrically down to `ratio` of it, at adelie's tolerance (default 1e-7 of the
null deviance). adelie proves nothing; `gap` is the largest over the path, certified afterwards,
outside the time.
"""

import certify
import numpy as np
import problems
import programs
import protocol


def solve(options):
    """Solves the path once and certifies every point."""
    import adelie

    program = programs.sampled(problems.named(options.problem), options.folder, is_gated=True)
    count, cells, dimension = program.shape
    largest = certify.dual_norm(program, program.targets / count)
    strengths = np.geomspace(largest, options.ratio * largest, options.points)
    matrix = np.asfortranarray(program.matrix)
    with protocol.Stopwatch() as watch:
        state = adelie.grpnet(
            adelie.matrix.dense(matrix, method="naive", n_threads=1),
            adelie.glm.gaussian(program.targets), groups=dimension * np.arange(cells),
            penalty=np.ones(cells), lmda_path=strengths, intercept=False, early_exit=False,
            tol=options.tolerance, progress_bar=False)
    gaps = []
    for strength, point in zip(state.lmdas, state.betas.toarray()):
        program.strength = strength
        value, gap = certify.certified(program, point.reshape(cells, dimension))
        gaps.append(gap)
    note = f"{len(gaps)} of {options.points} points, median gap {np.median(gaps):.1e}"
    return protocol.result(watch, value, max(gaps), note)


def main():
    """Reads the options and prints one JSON line."""
    options = protocol.parser(__doc__)
    options.add_argument("--points", type=int, default=100)
    options.add_argument("--ratio", type=float, default=1e-3)
    options.add_argument("--tolerance", type=float, default=1e-7)
    protocol.answer(options.parse_args(), solve)


if __name__ == "__main__":
    main()
