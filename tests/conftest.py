# SPDX-License-Identifier: MIT
"""What all tests share: the real interpreter, and the folder of test data."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from galago import micropython as interpreter
from galago.fit import package
from galago.resources import firmware_dir

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("GALAGO_DATA", ROOT.parent / "shared" / "data"))


def pytest_configure(config: pytest.Config) -> None:
    """Gives Keras a writable copy of its weights in the test data: it looks at KERAS_HOME when imported."""
    weights = DATA / "keras"
    if not weights.is_dir() or "KERAS_HOME" in os.environ:
        return
    home = config.cache.mkdir("keras") / "home"
    if not home.is_dir():
        part = home.with_name(f"part-{os.getpid()}")
        shutil.copytree(weights, part, copy_function=shutil.copyfile)
        try:
            part.rename(home)
        except OSError:  # another process of pytest-xdist was first
            shutil.rmtree(part)
    os.environ["KERAS_HOME"] = str(home)


@pytest.fixture(scope="session")
def data() -> Path:
    """Real weights and pictures, which are not part of the project (GALAGO_DATA, or ../shared/data)."""
    if not DATA.is_dir():
        pytest.skip(f"needs the test data: no folder {DATA}")
    return DATA


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The device package as .mpy files for this interpreter: what a board imports, in less time."""
    folder = tmp_path_factory.mktemp("compiled")
    for source, data in package.compiled("x64").items():
        target = folder / source.relative_to(firmware_dir()).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def micropython() -> Callable[..., str]:
    """Runs a script in the real interpreter; gives what it printed.

    On its path is `package`, by default the device package's source, compiled as it is imported.
    """

    def run(
        script: str,
        *arguments: object,
        heap: str = "8M",
        timeout: float = 120,
        cwd: Path | None = None,
        package: Path | None = None,
    ) -> str:
        argv = interpreter.command("-X", f"heapsize={heap}", "-c", script)
        # -c takes no arguments of the script: they go in as a list that the script finds as `argv`.
        argv[-1] = f"argv = {[str(a) for a in arguments]!r}\n{script}"
        environment = {**os.environ, "MICROPYPATH": str(package or firmware_dir())}
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=timeout, env=environment, cwd=cwd, check=False
        )
        assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run
