"""Builds the shared library with Swift and puts it, with what it links to, into the wheel."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

ROOT = Path(__file__).resolve().parent.parent
IS_MAC = sys.platform == "darwin"
LIBRARY = "libConvexCNNC.dylib" if IS_MAC else "libConvexCNNC.so"
# What every Linux with the same C library has, as in the manylinux policies.
OF_THE_SYSTEM = re.compile(
    r"(ld-linux.*|linux-vdso|lib(c|m|dl|rt|pthread|util|resolv|gcc_s|stdc\+\+))\.so.*"
)


def version():
    text = (ROOT / "Sources/ConvexCNN/ConvexCNN.swift").read_text()
    return re.search(r'version = "([^"]+)"', text).group(1)


def build_library():
    """Builds the library and returns its path.

    CONVEXCNN_LIBRARY names one that is built already.
    """
    given = os.environ.get("CONVEXCNN_LIBRARY")
    if given:
        return Path(given)
    if not (ROOT / "Package.swift").exists():
        sys.exit(f"setup.py: expected the Swift package in {ROOT}, found none. Build in its checkout.")
    if not shutil.which("swift"):
        sys.exit("setup.py: expected swift on the PATH, found none. See https://www.swift.org/install")
    command = ["swift", "build", "-c", "release", "--product", "ConvexCNNC", "--package-path", str(ROOT)]
    command += ["--scratch-path", str(ROOT / ".build-python")]
    if not IS_MAC:
        command.append("--static-swift-stdlib")
    subprocess.run(command, check=True, env=dict(os.environ, CCNN_SHARED_LIBRARY="1"))
    return ROOT / ".build-python/release" / LIBRARY


def linked_libraries(library):
    """Paths of the libraries to copy: what the loader finds, except what every Linux has."""
    lines = subprocess.run(["ldd", library], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in lines.splitlines():
        match = re.match(r"\s*(\S+) => (\S.*?)(?: \(0x[0-9a-f]+\))?$", line)
        if not match or OF_THE_SYSTEM.fullmatch(match[1]):
            continue
        if match[2] == "not found":
            sys.exit(f"setup.py: {library} needs {match[1]}, which was not found. Install it.")
        found[match[1]] = match[2]
    return found


class BuildWithSwift(build_py):
    def run(self):
        super().run()
        target = Path(self.build_lib) / "convexcnn"
        target.mkdir(parents=True, exist_ok=True)
        library = build_library()
        shutil.copy2(library, target / LIBRARY)
        shutil.copy2(ROOT / "Sources/CInterface/convexcnn.h", target)
        if not IS_MAC:
            subprocess.run(["strip", "--strip-unneeded", target / LIBRARY], check=True)
            for name, path in linked_libraries(library).items():
                shutil.copy2(os.path.realpath(path), target / name)


class PlatformWheel(bdist_wheel):
    """The library is of one platform, but of any Python."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class BinaryDistribution(Distribution):
    def has_ext_modules(self):
        return True


setup(
    version=version(),
    cmdclass={"build_py": BuildWithSwift, "bdist_wheel": PlatformWheel},
    distclass=BinaryDistribution,
)
