# SPDX-License-Identifier: MIT
"""Loads a model into an Interpreter. This package and `operators` leave memory afterwards."""

import gc
import json
import sys

from micropython import const

from ...errors import GalagoError

_SPARE = const(16384)  # bytes of heap to leave free when weights are copied to RAM
_PIECE = const(4096)  # least size of the buffer that weights are streamed through
_IN_PLACE = ("depthwise_conv_2d", "general_convolution")


def load(net, model, weights, memory, kernels, plan):
    """Fills an Interpreter from a path or a buffer; raises the errors that Interpreter documents."""
    gc.collect()
    if isinstance(model, str):
        try:
            model = net.file = open(model, "rb")  # noqa: SIM115
        except OSError as error:
            raise GalagoError("model.missing", "%s cannot be opened (error %d)" % (model, error.errno))
    if isinstance(kernels, str):
        from . import native

        kernels = native.module(kernels)
    if plan is None:
        facts = _planned(net, model, kernels)
        # The code used until here is dropped to make room for the kernels and the arena. What it made lies
        # among its remains, in the middle of what is free now: copies lie lower.
        forget()
        gc.collect()
        net.plan = net.plan[:]
        facts = json.loads(facts)
    else:
        net.plan, facts = plan
        plan = None
        forget()
    _take(net, facts["arena"], memory)
    for layer, names in enumerate(facts["layers"]):
        if kernels and names[1]:
            net.native[layer] = names[1], names[0]
    net.chains = tuple([bytes(chain) for chain in facts["chains"]])
    net.runs = [
        None if layer in net.native else _kernel(names[0]).run for layer, names in enumerate(facts["layers"])
    ]
    net.macs = facts["macs"]
    net.input = _tensor(net, "input", facts["input"])
    net.output = _tensor(net, "output", facts["output"])
    _place(net, model, weights, max(facts["piece"], _PIECE), memory)
    if net.native:
        _use(net, kernels)
    net.runs = tuple(net.runs)


def _planned(net, model, kernels):
    """Makes a plan; returns its facts as JSON, since a caller's frame would keep the objects in memory."""
    net.plan, facts = _planner().plan(model, kernels)
    return json.dumps(facts)


def _use(net, kernels):
    """Lets machine code run the layers that it computes, all in one call where that is possible."""
    if net.weights != "stream" and hasattr(kernels, "schedule"):
        net.schedule = _kernel("schedule").Schedule(net, kernels)
    for layer, (name, viper) in tuple(net.native.items()):
        if net.schedule:
            net.runs[layer] = net.schedule.run
        elif name in _IN_PLACE:  # compiled, and takes all weights at once
            del net.native[layer]
            net.runs[layer] = _kernel(viper).run
        else:
            net.runs[layer] = _kernel("native").MachineCode(name, kernels, net.alone(layer)).run


def _planner():
    try:
        from . import planner
    except ImportError:
        raise GalagoError(
            "model.plan",
            "the board has no usable plan of this model, and not the code that makes one: flash it again",
        )
    return planner


def forget():
    """Drops the modules that only loading needs: they are half of the engine's code."""
    gc.collect()  # if memory ran out while loading, this function needs some too
    package = __name__.rsplit(".", 1)[0]
    for part in ("loading", "operators"):
        prefix = package + "." + part
        for name in [name for name in sys.modules if name == prefix or name.startswith(prefix + ".")]:
            del sys.modules[name]
        if hasattr(sys.modules[package], part):
            delattr(sys.modules[package], part)


def _kernel(name):
    """Returns a module of `kernels`."""
    return __import__(__name__.rsplit(".", 1)[0] + ".kernels." + name, None, None, (name,))


def _tensor(net, name, facts):
    """Sets what Interpreter says about its input or output; returns its view of the arena."""
    start, shape, bits, zero = facts
    size = 1
    for n in shape:
        size *= n
    setattr(net, name + "_shape", tuple(shape))
    setattr(net, name + "_scale", (bits & 0x7FFFFF | 0x800000) * 2.0 ** ((bits >> 23) - 150))
    setattr(net, name + "_zero_point", zero)
    return memoryview(net.arena)[start : start + size]


def _take(net, total, memory):
    """Allocates the arena. Raises GalagoError memory.arena."""
    net.arena_bytes = total + 4 * len(net.plan)
    _within(net, memory)
    gc.collect()
    try:
        net.arena = bytearray(total)
    except MemoryError:
        raise GalagoError(
            "memory.arena",
            "the arena needs %d bytes in one piece, %d are free in total: use a smaller model"
            % (total, gc.mem_free()),
        )


def _within(net, memory):
    if memory is not None and net.arena_bytes > memory:
        raise GalagoError(
            "memory.arena",
            "the model needs %d bytes, %d are allowed: use a smaller model" % (net.arena_bytes, memory),
        )


def _has_room(net, needed):
    free = gc.mem_free()
    if sys.maxsize >> 32:  # an emulated board: objects of 64 bits take twice the bytes, and so has its heap
        free = (free - net.arena_bytes) // 2  # what the board's own heap would have
    return free > needed


def _lends(file):
    """Returns whether a file is in memory, as in a ROMFS."""
    try:
        memoryview(file)
    except TypeError:
        return False
    return True


def _place(net, model, weights, piece, memory):
    """Decides where the weights are, and copies them or allocates the buffer to stream them through."""
    lent = net.file is None or _lends(model)
    if weights not in (None, "place", "ram", "stream") or (weights == "place" and not lent):
        raise GalagoError("config.invalid", "weights=%s is not possible for this model: omit it" % weights)
    net.model = model
    net.weights = "place"
    if weights in ("place", None) and lent:
        return
    size = len(memoryview(model)) if lent else model.seek(0, 2)
    if weights == "ram" or (weights is None and _has_room(net, size + _SPARE)):
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
                raise GalagoError(
                    "model.malformed", "the model's file cannot be read completely: copy it again"
                )
            net.file.close()
            net.file = None
            return
    if net.file is None:
        raise GalagoError("config.invalid", "only a file can be streamed: pass the model's path")
    net.weights = "stream"
    net.arena_bytes += piece
    _within(net, memory)
    net.model = bytearray(piece)
    net.held = {}
    net.filled = 0
