"""Control-C ends training soon, and other Python threads run during it."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from convexcnn import ConvexCNNRegressor

# A shell that runs the tests in the background lets them ignore the signal, and what they start too.
LONG = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
from convexcnn import ConvexCNNRegressor, _library
train, returned = _library._LIBRARY.convexcnn_train, []
_library._LIBRARY.convexcnn_train = lambda *arguments: [train(*arguments), returned.append(True)][0]
random = np.random.default_rng(0)
X, y = random.standard_normal((400, 12)), random.standard_normal(400)
print("start", flush=True)
try:
    ConvexCNNRegressor(filter="8", lambda_ratio=1e-3, gap=1e-9, max_seconds=120).fit(X, y)
    print("ended by itself", flush=True)
except KeyboardInterrupt:
    state = "stopped" if returned else "still at work"
    print("interrupted", flush=True)
    print(state, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("after", [0.5, 3.0])
def test_control_c_raises_keyboard_interrupt(after):
    process = subprocess.Popen([sys.executable, "-c", LONG], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "start\n"
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    assert process.stdout.readline() == "interrupted\n"
    # About a second on an idle machine; others may be at work here.
    assert time.monotonic() - sent < 10
    # The exception comes after the library has stopped, not before.
    assert process.stdout.readline() == "stopped\n"
    assert process.wait() == 0


def test_other_threads_run_during_training():
    random = np.random.default_rng(0)
    X, y = random.standard_normal((200, 12)), random.standard_normal(200)
    model = ConvexCNNRegressor(filter="8", lambda_ratio=1e-2, gap=1e-9, max_seconds=2, threads=1)
    worker = threading.Thread(target=model.fit, args=(X, y))
    worker.start()
    ticks, start = 0, time.monotonic()
    while worker.is_alive():
        time.sleep(0.01)
        ticks += 1
    seconds = time.monotonic() - start
    assert seconds > 1 and ticks > 20 * seconds
    assert model.objective_ >= model.lower_bound_
