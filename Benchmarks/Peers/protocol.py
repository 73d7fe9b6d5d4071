"""How a peer talks to the harness: one JSON line on standard output.

Every script takes `--problem NAME --folder FOLDER`, where FOLDER holds what ccnn read and wrote for
that problem. The line has `seconds` (CPU time of the solve alone: imports, reading, building the
pooled blocks and certifying are outside, which favors the peers), `megabytes` (peak resident memory
up to the end of the solve, interpreter and libraries included), `objective`, `gap` and `note`; or
`missing`, when a package is not installed.
"""

import argparse
import json
import resource
import sys
import time
import warnings


class Stopwatch:
    """CPU seconds of this process within a `with` block, and the peak memory at its end."""

    def __enter__(self):
        self.start = time.process_time()
        return self

    def __exit__(self, *_):
        self.seconds = time.process_time() - self.start
        self.megabytes = peak_megabytes()

    @property
    def elapsed(self):
        """CPU seconds so far."""
        return time.process_time() - self.start


def peak_megabytes():
    """Largest resident memory of this process so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def parser(description):
    """The options that all peers share."""
    options = argparse.ArgumentParser(description=description.splitlines()[0])
    options.add_argument("--problem", required=True, help="EX-h-n, CNN-38 or FC-38")
    options.add_argument("--folder", required=True, help="files of ccnn for this problem")
    options.add_argument(
        "--cpu-limit", type=int, default=900, help="CPU seconds before the kernel ends it")
    return options


def answer(options, solve):
    """Runs `solve(options)` and prints its dictionary, or which package is missing."""
    warnings.filterwarnings("ignore")
    resource.setrlimit(resource.RLIMIT_CPU, (options.cpu_limit, options.cpu_limit))
    try:
        line = solve(options)
    except ModuleNotFoundError as error:
        line = {"missing": f"{error.name} is not installed"}
    print(json.dumps(line), flush=True)


def result(watch, objective, gap, note=""):
    """The dictionary of a finished solve; numbers are rounded to what they mean."""
    return {
        "seconds": round(watch.seconds, 4),
        "megabytes": round(watch.megabytes),
        "objective": float(objective),
        "gap": None if gap is None else float(f"{gap:.2e}"),
        "note": note,
    }
