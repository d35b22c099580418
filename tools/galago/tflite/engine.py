# SPDX-License-Identifier: MIT
"""The device's own engine, run on the host: what it would allocate for a model, and how it would run it.

plan = engine.plan(data)
plan.arena, plan.stream_buffer, plan.modules, plan.words
engine.stored_plan(data, None)          # the file that spares a board this work

The engine itself loads the model, in a process of CPython (engine_on_cpython.py), so that the host never has
to repeat what it decides. What it refuses is the same GalagoError as on a board.
"""

import functools
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from galago.errors import GalagoError
from galago.resources import firmware_dir

LayerKernels = tuple[tuple[int, str, int, int, int], ...]
"""LAYERS of a kernels.mpy (galago.native.kernels.build)."""

_TIMEOUT = 60.0  # seconds; the largest MobileNet takes less than one
_CPYTHON = Path(__file__).with_name("engine_on_cpython.py")

# Prints what the engine allocates, the records of the layers, the modules that stay in memory with the model,
# and those that only loading imports; or the engine's error.
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
    if layers:  # machine code: planning needs no more than its names
        class kernels:
            LAYERS = layers
        for name in names:
            setattr(kernels, name, None)
    net = Interpreter(path, weights="stream", kernels=kernels)
    modules = set(sys.modules)
    arena = len(net.arena) + 4 * len(net.plan)
    calls = sum([len(chain) for chain in net.chains])  # a chain runs row by row, any other layer at once
    print(json.dumps({
        "arena": arena,
        "calls": calls,
        "stream_buffer": net.arena_bytes - arena,
        "macs": net.macs,
        "modules": sorted(modules),
        "loading": sorted(seen - modules),
        "words": list(net.plan)[: 32 * len(net.runs)],
        "kernels": [run.__module__.rsplit(".", 1)[1] for run in net.runs],
    }))
except GalagoError as error:
    print(json.dumps({"code": error.code, "message": error.message}))
"""

# Prints the plan of a model as the engine would hand it on (firmware/mobilenet/tflite/loading/planner.py).
_PLAN_SCRIPT = """
import json
from mobilenet import GalagoError
from mobilenet.tflite.loading import planner, stored

class Kernels:
    LAYERS = layers

try:
    with open(path, "rb") as file:
        records, facts = planner.plan(file, Kernels if layers else None)
    print(json.dumps({"format": stored.FORMAT, "facts": facts, "records": list(records)}))
except GalagoError as error:
    print(json.dumps({"code": error.code, "message": error.message}))
"""


# Prints what the engine reads of a model before it plans its memory.
_LAYERS_SCRIPT = """
import json
from mobilenet import GalagoError
from mobilenet.tflite.loading.flatbuffer import Flatbuffer
from mobilenet.tflite.loading.graph import Graph

try:
    with open(path, "rb") as file:
        graph = Graph(Flatbuffer(file))
        shapes = {tensor: graph.shape(tensor) for tensor in graph.known}
    print(json.dumps({
        "input": graph.input,
        "output": graph.output,
        "shapes": list(shapes.items()),
        "layers": [
            [operator.KERNEL, list(record[:32]), list(record[32:]), inputs, output]
            for operator, record, inputs, output in graph.operators
        ],
    }))
except GalagoError as error:
    print(json.dumps({"code": error.code, "message": error.message}))
"""


class Layers(NamedTuple):
    """The layers of a model as the engine checked them. Tensors are indexes of its graph."""

    input: int
    output: int
    shapes: dict[int, tuple[int, ...]]
    """Of every tensor that is not constant."""
    layers: list[tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...], int]]
    """Of each layer: the viper kernel, the record and its tail (record.toml), inputs and output."""


class Plan(NamedTuple):
    """What the engine decides for one model. Sizes are in bytes."""

    arena: int
    """What the engine allocates, without weights."""
    stream_buffer: int
    """What it allocates in addition where weights are streamed from the file."""
    macs: int
    calls: int
    """How often one inference calls a kernel."""
    modules: tuple[Path, ...]
    """The source files of the device package that stay in memory with the model."""
    loading: tuple[Path, ...]
    """Those that are only needed while the model is loaded."""
    words: tuple[int, ...]
    """The records of all layers, one after the other (records.py)."""
    kernels: tuple[str, ...]
    """The file in `kernels` of the device package that computes each layer."""


@functools.lru_cache(maxsize=16)
def plan(model: bytes, layers: LayerKernels = (), names: tuple[str, ...] = ()) -> Plan:
    """Loads a .tflite into the engine and returns its plan.

    With machine code, `layers` and `names` are its LAYERS and the names of its functions. Raises GalagoError
    with the code and message of the engine: model.malformed, model.operator, model.quantization or memory.*;
    model.operator too where the engine does not answer.
    """
    answer = ask(model, f"layers, names = {layers!r}, {names!r}\n{_SCRIPT}")
    return Plan(
        answer["arena"],
        answer["stream_buffer"],
        answer["macs"],
        answer["calls"],
        _sources(answer["modules"]),
        _sources(answer["loading"]),
        tuple(answer["words"]),
        tuple(answer["kernels"]),
    )


@functools.lru_cache(maxsize=16)
def stored_plan(model: bytes, layers: LayerKernels = (), kernels: bytes | None = None) -> bytes:
    """The plan of a .tflite as a file for a board (firmware/mobilenet/tflite/loading/stored.py).

    `kernels` is the kernels.mpy that the board gets too, `layers` its LAYERS. Raises as `plan`.
    """
    answer = ask(model, f"layers = {layers!r}\n{_PLAN_SCRIPT}")
    files = [None if data is None else hashlib.sha256(data).hexdigest() for data in (model, kernels)]
    facts = {"format": answer["format"], "files": files, **answer["facts"]}
    records = struct.pack(f"<{len(answer['records'])}i", *answer["records"])
    return json.dumps(facts, separators=(",", ":")).encode() + b"\n" + records


def layers(model: bytes) -> Layers:
    """The layers of a .tflite, before memory is planned: their records have no offsets. Raises as `plan`."""
    answer = ask(model, _LAYERS_SCRIPT)
    return Layers(
        answer["input"],
        answer["output"],
        {tensor: tuple(shape) for tensor, shape in answer["shapes"]},
        [
            (kernel, tuple(words), tuple(tail), tuple(inputs), output)
            for kernel, words, tail, inputs, output in answer["layers"]
        ],
    )


def ask(model: bytes, script: str) -> dict[str, Any]:
    """The JSON object that a program for the device prints about the model at `path`.

    Raises the error that it prints instead, and GalagoError model.operator if there is no answer.
    """
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        file = Path(folder, "model.tflite")
        file.write_bytes(model)
        answer = _run(f"path = {str(file)!r}\n{script}")
    if "code" in answer:
        raise GalagoError(answer["code"], answer["message"])
    return answer


def _run(script: str) -> dict[str, Any]:
    """The JSON object that a script prints with the device package."""
    try:
        process = subprocess.run(
            [sys.executable, "-I", "-S", "-X", "utf8", str(_CPYTHON), str(firmware_dir())],
            input=script.encode(),
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _no_answer(f"no answer within {_TIMEOUT:.0f} s") from None
    if process.returncode:
        lines = (process.stderr + process.stdout).decode(errors="replace").split("\n")
        raise _no_answer(next((line for line in reversed(lines) if line.strip()), "no message").strip())
    return json.loads(process.stdout)


def _no_answer(reason: str) -> GalagoError:
    return GalagoError(
        "model.operator", f"the built-in engine cannot load the model ({reason[:160]}): change the network"
    )


def _sources(modules: list[str]) -> tuple[Path, ...]:
    return tuple(_source(name) for name in modules if name.split(".")[0] == "mobilenet")


def _source(name: str) -> Path:
    path = firmware_dir().joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
