# SPDX-License-Identifier: MIT
"""The built-in engine's own plan of a model: what it would allocate on a board.

plan = planner.plan(model_bytes)
plan.arena, plan.piece, plan.modules

The engine itself plans, in the real interpreter on this computer.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from galago import micropython
from galago.errors import GalagoError
from galago.resources import firmware_dir

_PATIENCE = 60.0  # seconds; the largest MobileNet takes less than one

# Prints what the engine allocates, and the modules that stay, or that only loading imports.
_SCRIPT = """
import builtins, json, sys

seen = set()
imported = builtins.__import__

def watched(*arguments):
    module = imported(*arguments)
    seen.update(sys.modules)
    return module

builtins.__import__ = watched
from mobilenet import GalagoError
import mobilenet.classifier, mobilenet.backends.builtin
import mobilenet.config, mobilenet.outputs, mobilenet.report, mobilenet.sequence  # as main.py does
import mobilenet.sources, mobilenet.watchdog
from mobilenet.tflite import Interpreter

try:
    kernels = None
    if layers:  # machine code, of which planning needs no more than names
        class kernels:
            LAYERS = layers
        for name in names:
            setattr(kernels, name, None)
    net = Interpreter(path, weights="stream", kernels=kernels)
    stay = set(sys.modules)
    arena = len(net.arena) + 4 * len(net.plan)
    print(json.dumps([arena, net.arena_bytes - arena, net.macs, sorted(stay), sorted(seen - stay)]))
except GalagoError as error:
    print(json.dumps([error.code, error.message]))
"""


class Plan(NamedTuple):
    """Of one model in the built-in engine. Sizes in bytes."""

    arena: int  # what the engine allocates, weights aside
    piece: int  # and on top of that, to stream weights through, where they do not stay
    macs: int
    modules: tuple[Path, ...]  # source files of the device package that stay in memory with the model
    loading: tuple[Path, ...]  # those that only loading needs


def plan(model: bytes, layers: tuple = (), names: tuple[str, ...] = ()) -> Plan:
    """What the engine would allocate for a .tflite, with machine code of these LAYERS and functions.

    Raises GalagoError model.malformed, model.operator or model.quantization, as a board would.
    """
    with tempfile.NamedTemporaryFile(prefix="galago-", suffix=".tflite") as file:
        file.write(model)
        file.flush()
        given = f"path, layers, names = {file.name!r}, {layers!r}, {names!r}"
        done = subprocess.run(
            micropython.command(
                "-X",
                "heapsize=64m",
                "-c",
                f"{given}\n{_SCRIPT}",
            ),
            capture_output=True,
            timeout=_PATIENCE,
            env={**os.environ, "MICROPYPATH": str(firmware_dir())},
            check=True,
        )
    answer = json.loads(done.stdout)
    if len(answer) == 2:
        raise GalagoError(*answer)
    arena, piece, macs, stay, loading = answer
    return Plan(arena, piece, macs, _sources(stay), _sources(loading))


def _sources(modules: list[str]) -> tuple[Path, ...]:
    return tuple(_source(name) for name in modules if name.split(".")[0] == "mobilenet")


def _source(name: str) -> Path:
    path = firmware_dir().joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
