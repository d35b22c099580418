# SPDX-License-Identifier: MIT
"""Installs the wheel into an environment of its own, as a user does, and tries and measures it there.

    python -m docgen.fresh_install        # what `make fresh` runs; needs the package index

It builds the wheel, installs it with pytest, runs the tests of examples/blinky-tests with it, and prints the
size of the installed packages and what `galago --help` takes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_EXAMPLE = _ROOT / "examples" / "blinky-tests"
_STARTS = 10  # of which the quickest counts: a busy computer only makes it slower


@dataclass(frozen=True)
class Measured:
    """What a base install takes on this computer."""

    megabytes: float
    """Of all packages in site-packages before pytest came, compiled and with their data."""
    largest: list[tuple[str, float]]
    """The largest packages and their MB."""
    help_seconds: float
    """CPU time of `galago --help`."""
    tests: str
    """The last line of pytest."""


def measure() -> Measured:
    """Installs and measures. Raises CalledProcessError, with output, if the installation or a test fails."""
    with tempfile.TemporaryDirectory(prefix="galago-fresh-") as temporary:
        folder = Path(temporary)
        _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, _ROOT)
        (wheel,) = folder.glob("galago-*.whl")
        _run(sys.executable, "-m", "venv", folder / "venv")
        programs = folder / "venv" / "bin"
        before = _sizes(folder / "venv")
        pip = (programs / "python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet")
        _run(*pip, wheel)
        sizes = {name: size for name, size in _sizes(folder / "venv").items() if name not in before}
        seconds = min(_cpu_seconds(programs / "galago", "--help") for _ in range(_STARTS))
        _run(*pip, "pytest")
        project = shutil.copytree(_EXAMPLE, folder / "project")  # away from the settings of this repository
        tests = _run(programs / "python", "-m", "pytest", "-q", cwd=project).splitlines()[-1]
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    return Measured(sum(sizes.values()) / 1e6, [(name, n / 1e6) for name, n in largest], seconds, tests)


def _sizes(environment: Path) -> dict[str, int]:
    """The bytes of each entry of site-packages."""
    (site,) = environment.glob("lib/python*/site-packages")
    return {
        entry.name: sum(path.stat().st_size for path in (entry, *entry.rglob("*")) if path.is_file())
        for entry in site.iterdir()
    }


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
        f"packages: {found.megabytes:.0f} MB",
        *(f"{name} {size:.0f}" for name, size in found.largest),
        sep=", ",
    )
    print(f"galago --help: {found.help_seconds:.2f} s of CPU")
