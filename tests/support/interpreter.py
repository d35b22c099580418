# SPDX-License-Identifier: MIT
"""The MicroPython interpreter, with the device package."""

import os
import subprocess
from pathlib import Path

from galago import micropython
from galago.resources import firmware_dir


def run(
    script: str,
    *arguments: object,
    heap: str = "8M",
    timeout: float = 600,
    cwd: Path | None = None,
    package: Path | None = None,
) -> str:
    """Runs a script, which finds the arguments in its list `argv`, and returns what it printed.

    `package` is the folder to import from, by default the source of the device package.
    """
    argv = micropython.command("-X", f"heapsize={heap}", "-c", script)
    # -c passes no arguments to the script, so they are prepended to it.
    argv[-1] = f"argv = {[str(a) for a in arguments]!r}\n{script}"
    environment = {**os.environ, "MICROPYPATH": str(package or firmware_dir())}
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=timeout, env=environment, cwd=cwd, check=False
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
