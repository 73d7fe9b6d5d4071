#!/usr/bin/env python3
"""Convolution forward and adjoint against torch's conv2d on the CPU, alternated shape by shape.

    python3 Benchmarks/Peers/convolution.py                 # the whole table, one and two threads
    python3 Benchmarks/Peers/convolution.py --quick         # part of it
    python3 Benchmarks/Peers/convolution.py --csv FILE      # the rows as CSV too

Needs torch and NumPy; builds our side (Sources/ConvolutionPeer) itself. Both sides get the same
images and filters, valid padding, stride 1; forward is conv2d, adjoint its gradient by the
filters for the forward's result. Ours is the layer that `auto` picks, in double; torch runs in
double and in float, the latter with the memory layout it is faster with (contiguous or channels
last). A round times ours, torch double and torch float one after the other, each the shortest of
several passes: processor time for one thread, time by the clock for two. The ratio of a row is
the median over rounds. torch keeps the memory of its results between passes of a shape (malloc
does not return it), since ours is given its result to write to. Where torch's patches in double
need more than 1 GiB, only float is compared.
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
LINE = " ".join(["{:3d} {:5d} {:6d} {:2d} {:7d} {:>6s}"] + 2 * ["{:8.4f} {:7.3f} {:7.3f}"])


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


def check(ours, folder, images, weights, rows, kind):
    """Largest relative distance of our results from torch's."""
    files = [os.path.join(folder, name) for name in ("responses", "gradient")]
    ours.ask("write", *files)
    responses, gradient = (numpy.fromfile(file) for file in files)
    x, w = torch.from_numpy(images).to(kind), torch.from_numpy(weights).to(kind)
    y = forward(x, w)
    expected = y.permute(0, 2, 3, 1).reshape(rows, -1).numpy()
    return max(
        distance(responses.reshape(expected.shape), expected),
        distance(gradient, adjoint(x, w, y).numpy().ravel()))


def measure(ours, folder, shape, threads, rounds, seconds):
    channels, size, filter, count = shape
    samples = max(2, min(64, 262144 // (size * size)))
    random = numpy.random.default_rng(1000 * size + filter)
    images = random.standard_normal((samples, channels, size, size))
    weights = random.standard_normal((count, channels, filter, filter))
    files = [os.path.join(folder, name) for name in ("images", "weights")]
    images.tofile(files[0])
    weights.tofile(files[1])
    choice = ours.ask(
        "load", samples, channels, size, filter, count, threads, "auto", *files).split()[0]
    torch.set_num_threads(threads)
    outputs = (size - filter + 1) ** 2
    fits = 8 * channels * filter**2 * outputs <= 1 << 30
    error = check(ours, folder, images, weights, samples * outputs,
                  torch.float64 if fits else torch.float32)
    if not error < (1e-11 if fits else 1e-3):
        raise SystemExit(f"{shape}: results differ by {error:.1e} relative")
    single = passes(images, weights, torch.float32)
    double = passes(images, weights, torch.float64) if fits else None
    times = []
    for _ in range(rounds):
        for index, name in enumerate(("responses", "adjoint")):
            times.append((index, float(ours.ask(name, seconds)),
                          shortest(seconds, double[index]) if double else float("nan"),
                          shortest(seconds, single[index])))
    row = [channels, size, filter, count, threads, choice]
    for index in (0, 1):
        mine = [entry[1:] for entry in times if entry[0] == index]
        row.append(1e3 * min(entry[0] for entry in mine) / samples)
        row += [statistics.median(entry[0] / entry[k] for entry in mine) for k in (1, 2)]
    return row


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
    print(f"torch {torch.__version__}, NumPy {numpy.__version__}; ours in double")
    print("times in ms per sample; ratios are ours / torch, below 1 is ahead")
    print("  c image filter  m threads   auto   fwd ms /double  /float   adj ms /double  /float")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for threads in options.threads:
            for shape in shapes(options.quick, options.images):
                row = measure(ours, folder, shape, threads, options.rounds, options.seconds)
                rows.append(row)
                print(LINE.format(*row), flush=True)
                ctypes.CDLL(None).malloc_trim(0)
    summarize(rows)
    if options.csv:
        with open(options.csv, "w") as file:
            file.write("channels,image,filter,filters,threads,auto,forward_ms,forward_over_double,"
                       "forward_over_float,adjoint_ms,adjoint_over_double,adjoint_over_float\n")
            for row in rows:
                cells = [f"{x:.4f}" if isinstance(x, float) else str(x) for x in row]
                file.write(",".join(cells) + "\n")


def summarize(rows):
    """How many rows are slower than torch, and the median ratios."""
    print()
    for threads in sorted({row[4] for row in rows}):
        for name, column in (("forward", 7), ("adjoint", 10)):
            for offset, kind in enumerate(("double", "float")):
                part = [row for row in rows if row[4] == threads]
                large = [row for row in part if row[2] >= 9]
                for title, chosen in (("all", part), ("filters >= 9", large)):
                    ratios = [row[column + offset] for row in chosen]
                    ratios = [ratio for ratio in ratios if ratio == ratio]
                    if not ratios:
                        continue
                    print(f"{threads} threads, {name}, torch {kind}, {title}: median "
                          f"{statistics.median(ratios):.3f}, largest {max(ratios):.3f}, "
                          f"{sum(ratio > 1 for ratio in ratios)} of {len(ratios)} above 1")


if __name__ == "__main__":
    main()
