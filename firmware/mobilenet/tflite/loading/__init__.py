# SPDX-License-Identifier: MIT
"""Loads a model into an Interpreter. What only that needs, here and in `operators`, leaves memory then."""

import gc
import sys
from array import array

from micropython import const

from ...errors import GalagoError

RECORD = const(32)
# Words of a layer's record (graph.py).
_OUT_H = const(9)

_SPARE = const(16384)  # bytes of heap to leave free beside weights in RAM
_PIECE = const(4096)  # bytes of weights to stream at once, at least


def load(net, model, weights, memory, kernels):
    """Fills an Interpreter from a path or a buffer; raises GalagoError as it says."""
    gc.collect()
    if isinstance(model, str):
        try:
            model = net.file = open(model, "rb")  # noqa: SIM115
        except OSError as error:
            raise GalagoError("model.missing", "%s cannot be opened (error %d)" % (model, error.errno))
    if isinstance(kernels, str):
        from . import native

        kernels = native.module(kernels)
    size, lent, arena, piece, names, ends = _plan(net, model, kernels)
    # What was needed until here makes room for the kernels, which stay, and for the arena.
    forget()
    gc.collect()
    net.runs = tuple([_run(name, net.native.get(i), kernels) for i, name in enumerate(names)])
    _take(net, arena, memory)
    whole = memoryview(net.arena)
    net.input, net.output = [whole[start:end] for start, end in ends]
    _place(net, model, size, lent, weights, max(piece, _PIECE), memory)


def forget():
    """Drops what only loading imports: its code is half of the engine."""
    gc.collect()  # where there was not enough memory to load, there may be none for this
    package = __name__.rsplit(".", 1)[0]
    for part in ("loading", "operators"):
        prefix = package + "." + part
        for name in [name for name in sys.modules if name == prefix or name.startswith(prefix + ".")]:
            del sys.modules[name]
        if hasattr(sys.modules[package], part):
            delattr(sys.modules[package], part)


def _run(name, native, kernels):
    """The `run` of a layer: of its viper kernel, or of the function of a module of machine code."""
    package = __name__.rsplit(".", 1)[0] + ".kernels."
    if native:
        return __import__(package + "native", None, None, ("native",)).Kernel(native[0], kernels).run
    return __import__(package + name, None, None, (name,)).run


def _plan(net, model, kernels):
    """Reads and plans the model.

    Gives its size, whether it lies in memory, the bytes of the arena, those of the file that a kernel needs
    at once, the kernels' names, and where input and output lie in the arena.
    """
    from .arena import Layout
    from .flatbuffer import Flatbuffer
    from .graph import Graph

    data = Flatbuffer(model)
    graph = Graph(data)
    if kernels:
        from .native import replace

        graph.operators = replace(graph.operators, kernels)
    gc.collect()
    layout = Layout(graph.operators, graph.input, graph.output)
    layout.grow()
    gc.collect()
    total = layout.place()
    net.ends = bytes([last for _, last in layout.chains])
    net.plan = array("i", [])
    net.macs = 0
    names = []
    pieces = [0]
    for layer, (operator, record, _, _) in enumerate(graph.operators):
        net.plan.extend(record)
        names.append(operator.KERNEL)
        if hasattr(operator, "FUNCTION"):
            net.native[layer] = operator.FUNCTION, operator.KERNEL
        if hasattr(operator, "piece"):
            net.macs += operator.macs(record)
            pieces.append(operator.piece(record))
    ends = []
    for name, tensor in (("input", graph.input), ("output", graph.output)):
        bits, zero = graph.scale(tensor)
        setattr(net, name + "_shape", graph.shape(tensor))
        setattr(net, name + "_scale", (bits & 0x7FFFFF | 0x800000) * 2.0 ** ((bits >> 23) - 150))
        setattr(net, name + "_zero_point", zero)
        start = layout.offsets[tensor]
        ends.append((start, start + graph.elements(tensor)))
    return data.size, not data.paged, total, max(pieces), names, ends


def _take(net, total, memory):
    """Allocates the arena."""
    net.arena_bytes = total + 4 * len(net.plan)
    _within(net, memory)
    gc.collect()
    try:
        net.arena = bytearray(total)
    except MemoryError:
        raise GalagoError(
            "memory.arena",
            "the arena takes %d bytes, %d are free and not in one piece: take a smaller model"
            % (total, gc.mem_free()),
        )


def _within(net, memory):
    if memory is not None and net.arena_bytes > memory:
        raise GalagoError(
            "memory.arena",
            "the model takes %d bytes, %d are allowed: take a smaller one" % (net.arena_bytes, memory),
        )


def _place(net, model, size, lent, weights, piece, memory):
    """Decides where the weights are."""
    if weights not in (None, "place", "ram", "stream") or (weights == "place" and not lent):
        raise GalagoError(
            "config.invalid", "weights %s cannot be had for this model: leave the choice" % weights
        )
    net.model = model
    net.weights = "place"
    if weights in ("place", None) and lent:
        return
    if weights == "ram" or (weights is None and gc.mem_free() > size + _SPARE):
        try:
            net.model = bytearray(size)
        except MemoryError:
            if weights:
                raise
        else:
            net.weights = "ram"
            if lent:
                net.model[:] = memoryview(model)
                return
            net.file.seek(0)
            if net.file.readinto(net.model) != size:
                raise GalagoError("model.malformed", "the model's file cannot be read whole: copy it again")
            net.file.close()
            net.file = None
            return
    if net.file is None:
        raise GalagoError("config.invalid", "only a file can be streamed: give the model's path")
    net.weights = "stream"
    net.arena_bytes += piece
    _within(net, memory)
    net.model = bytearray(piece)
    net.held = -1, 0
