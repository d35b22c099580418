# SPDX-License-Identifier: MIT
"""Installs the wheel into an environment of its own, as a user does, and tries and measures it there.

    python -m docgen.fresh_install        # what `make fresh` runs; needs the package index

It builds the wheel, installs it with pytest, runs the tests of examples/blinky-tests with it, and prints the
size of the installed packages and what `galago --help` takes.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_EXAMPLE = _ROOT / "examples" / "blinky-tests"
_STARTS = 10  # of which the quickest counts: a busy computer only makes it slower


@dataclass(frozen=True)
class Measured:
    """What a base install takes on this computer."""

    sizes: dict[str, float]
    """The MB of each package before pytest came, compiled and with its data."""
    bytecode: float
    """MB of compiled Python files in them."""
    help_seconds: float
    """CPU time of `galago --help`."""
    tests: str
    """The last line of pytest."""

    @property
    def largest(self) -> list[tuple[str, float]]:
        """The six largest packages and their MB."""
        return sorted(self.sizes.items(), key=lambda item: -item[1])[:6]


def measure() -> Measured:
    """Installs and measures. Raises CalledProcessError, with output, if the installation or a test fails."""
    with tempfile.TemporaryDirectory(prefix="galago-fresh-") as temporary:
        folder = Path(temporary)
        _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, _ROOT)
        (wheel,) = folder.glob("galago-*.whl")
        _run(sys.executable, "-m", "venv", folder / "venv")
        programs = folder / "venv" / "bin"
        before = _files(folder / "venv")
        pip = (programs / "python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet")
        _run(*pip, wheel)
        files = {name: paths for name, paths in _files(folder / "venv").items() if name not in before}
        sizes = {name: _megabytes(paths) for name, paths in files.items()}
        compiled = _megabytes(path for paths in files.values() for path in paths if path.suffix == ".pyc")
        seconds = min(_cpu_seconds(programs / "galago", "--help") for _ in range(_STARTS))
        _run(*pip, "pytest")
        project = shutil.copytree(_EXAMPLE, folder / "project")  # away from the settings of this repository
        tests = _run(programs / "python", "-m", "pytest", "-q", cwd=project).splitlines()[-1]
    return Measured(sizes, compiled, seconds, tests)


def _files(environment: Path) -> dict[str, list[Path]]:
    """The files of each package, by its name."""
    (site,) = environment.glob("lib/python*/site-packages")
    return {
        found.metadata["Name"].lower(): [Path(str(found.locate_file(file))) for file in found.files or ()]
        for found in importlib.metadata.distributions(path=[str(site)])
    }


def _megabytes(paths: Iterable[Path]) -> float:
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def _cpu_seconds(*command: str | Path) -> float:
    before = os.times()
    _run(*command)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    # PYTHONPATH would put the checkout before what is installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    argv = [str(part) for part in command]
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


if __name__ == "__main__":
    found = measure()
    print(f"examples/blinky-tests: {found.tests}")
    print(
        f"packages: {sum(found.sizes.values()):.0f} MB",
        *(f"{name} {size:.0f}" for name, size in found.largest),
        sep=", ",
    )
    print(f"galago --help: {found.help_seconds:.2f} s of CPU")
