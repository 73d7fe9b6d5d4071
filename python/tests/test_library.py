"""The library in the installed package needs nothing but what every Linux has."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import convexcnn

FOLDER = Path(convexcnn.__file__).parent
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="ldd and nm of Linux")


@linux_only
def test_links_to_the_system_and_its_own_folder_only():
    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    command = ["ldd", FOLDER / "libConvexCNNC.so"]
    lines = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    found = dict(re.findall(r"(\S+) => (\S.*?) \(0x", lines))
    assert "not found" not in lines and "swift" not in lines
    system = {name for name, path in found.items() if Path(path).parent != FOLDER}
    assert {name.split(".so")[0] for name in system} <= {"libc", "libm", "libstdc++", "libgcc_s"}
    assert any(name.startswith("libopenblas") for name in found)


@linux_only
def test_shows_the_functions_of_its_header():
    header = (FOLDER / "convexcnn.h").read_text()
    declared = set(re.findall(r"\b(convexcnn_\w+)\(", header))
    command = ["nm", "-D", "--defined-only", FOLDER / "libConvexCNNC.so"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert {line.split()[-1] for line in text.splitlines()} == declared
    assert len(declared) == 11


def test_version_is_that_of_the_package():
    assert re.fullmatch(r"\d+\.\d+\.\d+", convexcnn.__version__)
