# SPDX-License-Identifier: MIT
"""The calls of viper functions that make up an inference, recorded while the device's own code runs.

    layers, words, size = record(model)
    layers[0].calls         # [Call("conv_2d.entries", (0, 0, Buffer("plan", 0), 0, …)), …]

A kernel's `run` is ordinary Python that calls viper functions (firmware/mobilenet/tflite/kernels). What it
calls depends on the layer's record alone. So it runs once (galago.tflite.engine), with viper functions that
only take notes, and the browser repeats the calls. In the browser each tensor has its own
place in memory, so that all can be looked at, and a layer runs as a whole.
"""

from dataclasses import dataclass

from galago.native.compiler import read
from galago.resources import firmware_dir
from galago.tflite import engine

_KERNELS = firmware_dir() / "mobilenet" / "tflite" / "kernels"
_NOT_KERNELS = ("__init__", "native", "proof", "schedule")

# Prints the layers, their records and calls. `functions` maps kernels to the names of their viper functions.
_SCRIPT = """
import json, sys
from array import array
from mobilenet import GalagoError
from mobilenet.tflite.interpreter import Interpreter
from mobilenet.tflite.loading.flatbuffer import Flatbuffer
from mobilenet.tflite.loading.graph import Graph

INPUT, INPUT_ROWS, OUTPUT, OUTPUT_ROWS, SCRATCH, SECOND = range(6)
IN_H, OUT_H, OUT_W, OUT_C, TILE, TAIL, OPERATOR = 6, 9, 10, 11, 28, 30, 31
RECORD, CONCATENATION = 32, 2
PACKAGE = "mobilenet.tflite.kernels."
calls = []

def recorder(name):
    return lambda *arguments: calls.append([name, [noted(argument) for argument in arguments]])

def noted(argument):
    if isinstance(argument, int):
        return argument
    for name in ("arena", "plan", "model"):
        if argument is getattr(net, name):
            return {"buffer": name}
    return {"data": "".join(["%02x" % byte for byte in memoryview(bytes(argument))])}

class Net:
    def constant(self, position, size):
        return self.model, position

    def group(self, size):
        return 1 << 20

    second = Interpreter.second

net = Net()
net.arena, net.model = bytearray(0), b"model"

def aligned(size):
    return size + 15 & -16

def place(graph):
    # Each tensor has its own place; what a kernel may write beyond it, four pixels, is free too.
    end = graph.elements(graph.input)
    offsets = {graph.input: 0}
    scratch = 0
    for operator, record, inputs, output in graph.operators:
        record[INPUT_ROWS], record[OUTPUT_ROWS] = record[IN_H], record[OUT_H]
        if operator.KERNEL == "conv_2d":
            record[TILE] = record[OUT_H]
        scratch = max(scratch, operator.scratch(record, True))
        if operator.KERNEL == "reshape":
            offsets[output] = offsets[inputs[0]]
        else:
            offsets[output] = end = aligned(end) + 64
            end += record[OUT_H] * record[OUT_W] * record[OUT_C] + 4 * record[OUT_C]
    end = aligned(end) + 64
    for operator, record, inputs, output in graph.operators:
        record[INPUT], record[SECOND] = offsets[inputs[0]], offsets[inputs[-1]]
        record[OUTPUT], record[SCRATCH] = offsets[output], end
        if record[OPERATOR] == CONCATENATION:
            for i, tensor in enumerate(inputs):
                record[RECORD + i] = offsets[tensor]
    return end + aligned(scratch) + 64

try:
    with open(path, "rb") as file:
        graph = Graph(Flatbuffer(file))
        size = place(graph)
        elements = graph.elements(graph.input)
    records, tails, layers = array("i", []), array("i", []), []
    for operator, record, _, _ in graph.operators:
        if len(record) > RECORD:
            record[TAIL] = 4 * (RECORD * len(graph.operators) - len(records) + len(tails))
            tails.extend(record[RECORD:])
        records.extend(record[:RECORD])
    records.extend(tails)
    net.plan = records
    runs = [__import__(PACKAGE + each[0].KERNEL, None, None, ("run",)).run for each in graph.operators]
    for kernel, names in functions.items():
        module = sys.modules.get(PACKAGE + kernel)
        for name in names if module else ():
            setattr(module, name, recorder(kernel + "." + name))
    for i, (operator, record, inputs, output) in enumerate(graph.operators):
        calls.clear()
        runs[i](net, RECORD * i, 0, record[OUT_H])
        macs = operator.macs(record) if hasattr(operator, "macs") else 0
        name = operator.__name__.rsplit(".", 1)[1]
        layers.append([operator.KERNEL, name, macs, inputs[0], output, list(calls)])
    print(json.dumps({"input": elements, "size": size, "layers": layers, "words": list(records)}))
except GalagoError as error:
    print(json.dumps({"code": error.code, "message": error.message}))
"""


@dataclass(frozen=True)
class Buffer:
    """An argument that is a buffer: "arena", "plan" or "model", or constant bytes."""

    name: str = ""
    data: bytes = b""


@dataclass(frozen=True)
class Call:
    """A call of a viper function, named after its kernel."""

    function: str
    arguments: tuple[int | Buffer, ...]


@dataclass(frozen=True)
class Layer:
    """A layer and how it is computed."""

    kernel: str
    operator: str
    """As its file in firmware/mobilenet/tflite/operators."""
    macs: int
    source: int
    """The first tensor that it reads, as the .tflite numbers them."""
    tensor: int
    """The tensor that it writes."""
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Recording:
    """The layers of a model, the words of their records with tails, and the bytes of input and arena."""

    layers: tuple[Layer, ...]
    words: tuple[int, ...]
    input: int
    size: int


def record(model: bytes) -> Recording:
    """Plans a .tflite and records its calls. Raises GalagoError as `engine.plan` does."""
    answer = engine.ask(model, f"functions = {_functions()!r}\n{_SCRIPT}")
    layers = [
        Layer(kernel, operator, macs, source, tensor, tuple(_call(*call) for call in calls))
        for kernel, operator, macs, source, tensor, calls in answer["layers"]
    ]
    return Recording(tuple(layers), tuple(answer["words"]), answer["input"], answer["size"])


def _functions() -> dict[str, list[str]]:
    """The viper functions of each kernel."""
    found: dict[str, list[str]] = {}
    for path in sorted(_KERNELS.glob("*.py")):
        if path.stem not in _NOT_KERNELS:
            module = read(path)
            found[path.stem] = [name for name, (home, _) in module.functions.items() if home is module]
    return found


def _call(function: str, arguments: list[int | dict[str, str]]) -> Call:
    return Call(function, tuple(a if isinstance(a, int) else _buffer(a) for a in arguments))


def _buffer(noted: dict[str, str]) -> Buffer:
    return Buffer(noted.get("buffer", ""), bytes.fromhex(noted.get("data", "")))
