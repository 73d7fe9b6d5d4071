#!/usr/bin/env python3
"""Convolution forward and adjoint against torch's conv2d on the CPU, alternated shape by shape.

    python3 Benchmarks/Peers/convolution.py                 # the whole table, one and two threads
    python3 Benchmarks/Peers/convolution.py --quick         # part of it
    python3 Benchmarks/Peers/convolution.py --csv FILE      # the rows as CSV too

Needs torch and NumPy; builds our side (Sources/ConvolutionPeer) itself. Both sides get the same
images and filters, valid padding, stride 1; forward is conv2d, adjoint its gradient by the
filters for the forward's result. Ours is the layer that `auto` picks, in double and in float, each
compared with torch in the same numbers; torch in float has the memory layout it is faster with
(contiguous or channels last). A round times ours and torch one after the other, double and then
float, each the shortest of several passes: processor time for one thread, time by the clock for
two. The ratio of a row is the median over rounds. torch keeps the memory of its results between
passes of a shape (malloc does not return it), since ours is given its result to write to. Where
torch's patches in double need more than 1 GiB, only float is compared.
"""

import argparse
import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time

MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "MALLOC_TOP_PAD_": "100000000",
}
if any(os.environ.get(name) != value for name, value in MALLOC.items()):
    os.execve(sys.executable, [sys.executable] + sys.argv, {**os.environ, **MALLOC})

try:
    import numpy
    import torch
except ImportError as error:
    print(f"convolution.py: {error.name} is not installed; convolutions are not compared.")
    sys.exit(0)

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
IMAGES = [8, 16, 32, 64, 128, 256, 512]
FILTERS = [2, 3, 5, 7, 9, 11, 15, 21, 31]
# Channels, image, filter counts and filters of ENGINEERING's table.
MANY = [(1, 28), (3, 32), (1, 128)]
KINDS = {"double": torch.float64, "float": torch.float32}
# Largest distance of our results from torch's: rounding, with room for sums over a batch.
TOLERANCE = {"double": 1e-11, "float": 1e-3}
HEAD = "  c image filter  m threads   kind    ours   fwd ms   ratio   adj ms   ratio"
LINE = "{:3d} {:5d} {:6d} {:2d} {:7d} {:>6s} {:>7s} {:8.4f} {:7.3f} {:8.4f} {:7.3f}"


def shapes(quick, chosen):
    """Channels, image, filter, number of filters."""
    images = IMAGES[:5:2] if quick else IMAGES
    filters = FILTERS[1::3] if quick else FILTERS
    table = [(1, image, filter, 32) for image in images for filter in filters if filter <= image]
    for channels, image in MANY[:2] if quick else MANY:
        for count in [32] if quick else [16, 64]:
            for filter in [3, 9] if quick else [3, 5, 7, 9, 15]:
                table.append((channels, image, filter, count))
    return [shape for shape in table if not chosen or shape[1] in chosen]


class Ours:
    """The Swift program, asked by lines."""

    def __init__(self):
        command = ["swift", "build", "-c", "release", "--product", "ConvolutionPeer"]
        subprocess.run(command, cwd=FOLDER, check=True, stdout=sys.stderr)
        program = os.path.join(FOLDER, ".build", "release", "ConvolutionPeer")
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"ConvolutionPeer ended when asked for: {' '.join(map(str, words))}")
        return answer.strip()


def shortest(seconds, run):
    """The shortest of as many passes as fill the time, at least one."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    start, best, count = time.perf_counter(), float("inf"), 0
    while count < 1 or time.perf_counter() - start < seconds:
        before = clock()
        run()
        best = min(best, clock() - before)
        count += 1
    return best


def forward(x, w):
    return torch.nn.functional.conv2d(x, w)


def adjoint(x, w, y):
    return torch.ops.aten.convolution_backward(
        y, x, w, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False])[1]


def passes(images, weights, kind):
    """Both passes of torch in a number format, each in the faster of two memory layouts (float)."""
    found = []
    layouts = (torch.contiguous_format, torch.channels_last)
    for layout in layouts[:1] if kind == torch.float64 else layouts:
        x = torch.from_numpy(images).to(kind).contiguous(memory_format=layout)
        w = torch.from_numpy(weights).to(kind).contiguous(memory_format=layout)
        y = forward(x, w)
        runs = (lambda x=x, w=w: forward(x, w), lambda x=x, w=w, y=y: adjoint(x, w, y))
        for run in runs:
            run()
        found.append([(shortest(0.01, run), run) for run in runs])
    return [min(pair, key=lambda entry: entry[0])[1] for pair in zip(*found)]


def distance(found, expected):
    return float(numpy.abs(found - expected).max() / max(numpy.abs(expected).max(), 1e-300))


def check(ours, folder, images, weights, rows, name):
    """Largest relative distance of our results from torch's."""
    files = [os.path.join(folder, name) for name in ("responses", "gradient")]
    ours.ask("write", name, *files)
    responses, gradient = (numpy.fromfile(file) for file in files)
    x, w = (torch.from_numpy(array).to(KINDS[name]) for array in (images, weights))
    y = forward(x, w)
    expected = y.permute(0, 2, 3, 1).reshape(rows, -1).numpy()
    return max(
        distance(responses.reshape(expected.shape), expected),
        distance(gradient, adjoint(x, w, y).numpy().ravel()))


def measure(ours, folder, shape, threads, rounds, seconds):
    """A row of the table for double, where torch has the memory for it, and one for float."""
    channels, size, filter, count = shape
    samples = max(2, min(64, 262144 // (size * size)))
    random = numpy.random.default_rng(1000 * size + filter)
    images = random.standard_normal((samples, channels, size, size))
    weights = random.standard_normal((count, channels, filter, filter))
    files = [os.path.join(folder, name) for name in ("images", "weights")]
    images.tofile(files[0])
    weights.tofile(files[1])
    torch.set_num_threads(threads)
    outputs = (size - filter + 1) ** 2
    fits = 8 * channels * filter**2 * outputs <= 1 << 30
    choices, runs = {}, {}
    for name in ["double", "float"] if fits else ["float"]:
        choices[name] = ours.ask(
            "load", name, samples, channels, size, filter, count, threads, "auto", *files).split()[0]
        error = check(ours, folder, images, weights, samples * outputs, name)
        if not error < TOLERANCE[name]:
            raise SystemExit(f"{shape} in {name}: results differ by {error:.1e} relative")
        runs[name] = passes(images, weights, KINDS[name])
    times = []
    for _ in range(rounds):
        for index, request in enumerate(("responses", "adjoint")):
            for name in runs:
                times.append((name, index, float(ours.ask(request, name, seconds)),
                              shortest(seconds, runs[name][index])))
    table = []
    for name in runs:
        row = [channels, size, filter, count, threads, name, choices[name]]
        for index in (0, 1):
            mine = [entry[2:] for entry in times if entry[:2] == (name, index)]
            row.append(1e3 * min(entry[0] for entry in mine) / samples)
            row.append(statistics.median(entry[0] / entry[1] for entry in mine))
        table.append(row)
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="part of the table")
    parser.add_argument("--images", type=int, nargs="*", help="sizes of images to compare only")
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.01, help="of passes per side and round")
    parser.add_argument("--csv", metavar="FILE", help="also write the rows to a file")
    options = parser.parse_args()
    ours = Ours()
    print(f"torch {torch.__version__}, NumPy {numpy.__version__}")
    print("times in ms per sample of ours; ratios are ours / torch, below 1 is ahead")
    print(HEAD)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for threads in options.threads:
            for shape in shapes(options.quick, options.images):
                for row in measure(
                        ours, folder, shape, threads, options.rounds, options.seconds):
                    rows.append(row)
                    print(LINE.format(*row), flush=True)
                ctypes.CDLL(None).malloc_trim(0)
    summarize(rows)
    if options.csv:
        with open(options.csv, "w") as file:
            file.write("channels,image,filter,filters,threads,kind,ours,forward_ms,forward_ratio,"
                       "adjoint_ms,adjoint_ratio\n")
            for row in rows:
                cells = [f"{x:.4f}" if isinstance(x, float) else str(x) for x in row]
                file.write(",".join(cells) + "\n")


def summarize(rows):
    """How many rows are slower than torch, and the median ratios."""
    print()
    for threads in sorted({row[4] for row in rows}):
        for title, column in (("forward", 8), ("adjoint", 10)):
            for name in KINDS:
                part = [row for row in rows if row[4] == threads and row[5] == name]
                large = [row for row in part if row[2] >= 9]
                for which, chosen in (("all", part), ("filters >= 9", large)):
                    ratios = [row[column] for row in chosen]
                    if not ratios:
                        continue
                    print(f"{threads} threads, {title}, {name}, {which}: median "
                          f"{statistics.median(ratios):.3f}, largest {max(ratios):.3f}, "
                          f"{sum(ratio > 1 for ratio in ratios)} of {len(ratios)} above 1")


if __name__ == "__main__":
    main()
