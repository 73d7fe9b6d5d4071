"""Listing all cells of a central arrangement, by three methods of others.

    python enumeration.py --problem EX-3-10 --folder FOLDER
                          --method vertices|linear-programs|reverse-search

* `vertices`: rank 3 in NumPy; every vertex of the arrangement on the sphere is an intersection of
  two planes, and the cells around it are those of the planes through it (in floating point).
* `linear-programs`: the tree of Rada and Cerny (2018): rows are added one by one, and a linear
  program by HiGHS decides whether each sign of the next row cuts the cell so far.
* `reverse-search`: that of Avis and Fukuda (Reverse Search for Enumeration, Discrete Applied
  Mathematics 1996): from a cell one steps across the first row that the segment to a fixed point
  of the root meets, and the tree of these steps is walked backwards from the root; a linear program
  for every row of every cell, and no memory of cells found.

`objective` is the number of all cells, both of an antipodal pair, to compare with
`ccnn enumerate`.
"""

import numpy as np
import problems
import protocol


def distinct_lines(rows):
    """One unit normal per line, with the first nonzero entry positive."""
    norms = np.linalg.norm(rows, axis=1)
    units = rows[norms > 0] / norms[norms > 0, None]
    leading = units[np.arange(len(units)), (np.abs(units) > 1e-9).argmax(axis=1)]
    return np.unique(np.round(units * np.sign(leading)[:, None], 12), axis=0)


def around(normals):
    """Sign vectors of the cells of a central arrangement in the plane."""
    angles = np.arctan2(normals[:, 0], -normals[:, 1])
    angles = np.concatenate([angles, angles + np.pi]) % (2 * np.pi)
    angles = np.unique(np.round(angles, 12))
    middles = (angles + np.append(angles[1:], angles[0] + 2 * np.pi)) / 2
    directions = np.stack([np.cos(middles), np.sin(middles)], axis=1)
    return np.sign(directions @ normals.T).astype(np.int8)


def cells_at_vertices(normals, tolerance=1e-9):
    """All cells of an arrangement of rank 3 as a set of byte strings."""
    first, second = np.triu_indices(len(normals), 1)
    vertices = np.cross(normals[first], normals[second])
    vertices = distinct_lines(vertices[np.linalg.norm(vertices, axis=1) > tolerance])
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    found = set()
    for vertex in np.concatenate([vertices, -vertices]):
        products = normals @ vertex
        through = np.abs(products) < tolerance
        axis = np.eye(3)[np.argmin(np.abs(vertex))]
        right = np.cross(vertex, axis)
        right /= np.linalg.norm(right)
        plane = np.stack([right, np.cross(vertex, right)], axis=1)
        signs = np.sign(products).astype(np.int8)
        for pattern in around(normals[through] @ plane):
            signs[through] = pattern
            found.add(signs.tobytes())
    return found


def margin(signed_normals):
    """The largest t with `signed_normals u >= t` for some u with entries in -1...1, and that u."""
    from scipy.optimize import linprog

    count, dimension = signed_normals.shape
    program = linprog(
        np.append(np.zeros(dimension), -1), A_ub=np.hstack([-signed_normals, np.ones((count, 1))]),
        b_ub=np.zeros(count), bounds=[(-1, 1)] * dimension + [(None, 1)], method="highs")
    return program.x[-1], program.x[:-1]


def cells_by_programs(normals, tolerance=1e-9):
    """All cells with a positive first sign, by one linear program per node of the tree."""
    open_cells = [(np.ones(1), normals[0])]
    for row in range(1, len(normals)):
        longer = []
        for signs, witness in open_cells:
            side = 1.0 if normals[row] @ witness > 0 else -1.0
            other = np.append(signs, -side)
            longer.append((np.append(signs, side), witness))
            width, point = margin(other[:, None] * normals[: row + 1])
            if width > tolerance:
                longer.append((other, point))
        open_cells = longer
    return open_cells


def first_crossing(normals, signs, start, end):
    """The row that the segment between two points meets first; None if it stays in the cell."""
    from_start, to_end = normals @ start, normals @ end
    crossed = np.flatnonzero(signs * to_end < 0)
    if len(crossed) == 0:
        return None
    moments = from_start[crossed] / (from_start[crossed] - to_end[crossed])
    return crossed[moments.argmin()]


def cells_by_reverse_search(normals, tolerance=1e-9):
    """Number of cells with a positive first sign, and of linear programs solved.

    A cell's point is the one that `margin` finds, which depends on its signs only. The target is
    a point in no special position in the root, so that segments meet rows one at a time.
    """
    target = np.random.default_rng(0).normal(size=normals.shape[1])
    target *= np.sign(normals[0] @ target)
    open_cells = [np.sign(normals @ target)]
    cell_count = program_count = 0
    while open_cells:
        signs = open_cells.pop()
        cell_count += 1
        for row in range(1, len(normals)):
            neighbor = signs.copy()
            neighbor[row] = -neighbor[row]
            width, point = margin(neighbor[:, None] * normals)
            program_count += 1
            if width > tolerance and first_crossing(normals, neighbor, point, target) == row:
                open_cells.append(neighbor)
    return cell_count, program_count


def solve(options):
    """Lists the cells once and counts them."""
    normals = distinct_lines(problems.named(options.problem).patches)
    if options.method == "vertices" and normals.shape[1] != 3:
        raise ValueError(f"enumeration.py: vertices expects rank 3, found {normals.shape[1]}.")
    with protocol.Stopwatch() as watch:
        programs = ""
        if options.method == "vertices":
            count = len(cells_at_vertices(normals))
        elif options.method == "linear-programs":
            count = 2 * len(cells_by_programs(normals))
        else:
            half, program_count = cells_by_reverse_search(normals)
            count, programs = 2 * half, f", {program_count} linear programs"
    return protocol.result(watch, count, None, f"{count} cells{programs}")


def main():
    """Reads the options and prints one JSON line."""
    options = protocol.parser(__doc__)
    options.add_argument(
        "--method", choices=["vertices", "linear-programs", "reverse-search"],
        default="vertices")
    protocol.answer(options.parse_args(), solve)


if __name__ == "__main__":
    main()
