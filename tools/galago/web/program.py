# SPDX-License-Identifier: MIT
"""A model as WebAssembly: its memory, the calls of an inference, and the modules with the functions.

    program = build(tflite)
    program.kernels         # a .wasm: the device's viper functions, compiled, and their constants
    program.simd            # a .wasm: the products again, with SIMD, in the memory of the first one
    program.description     # what js/engine.js needs to know, ready for JSON

The memory holds, from 0 on: constants and the records of the layers, which `kernels` brings along; the
.tflite, which the page copies there; the arena, in which each tensor has its own place; and for SIMD the
widened weights, tables and inputs. Pictures are decoded beyond its end (js/memory.js).
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from galago.native.assemblers.wasm32 import PAGE, Memory, module
from galago.native.compiler import read
from galago.native.compiler.targets.wasm32 import Compiled
from galago.native.kernels import wasm32
from galago.resources import firmware_dir
from galago.tflite.records import DEPTHWISE_CONV_2D, Record, with_weights
from galago.web.fast import Fast
from galago.web.recording import Buffer, Call, Layer, record

PICTURES = {
    "image/area": ("push", "span", "column_spans", "fill_zero"),
    "image/transform": ("_translate",),
    "image/jpeg/idct": ("fill", "idct_8", "idct_4", "idct_2"),
    "image/jpeg/huffman": ("decode_block",),
    "image/jpeg/color": ("upsample", "interleave"),
}
"""Module of the device package → its viper functions that js/ calls to decode and resize pictures."""
_WORDS = 32


@dataclass(frozen=True)
class Program:
    """Two modules, and the description of the memory, the layers and their calls."""

    kernels: bytes
    simd: bytes
    description: dict[str, Any]


def build(model: bytes) -> Program:
    """Compiles a .tflite. Raises GalagoError as `engine.plan` does for one that a board refuses."""
    recording = record(model)
    compiled = _compile(recording.layers)
    plan = compiled.address(np.array(recording.words, "<i4").tobytes())
    for buffer in _constants(recording.layers):
        compiled.address(buffer.data)
    at = {"plan": plan, "model": _aligned(compiled.end)}
    at["arena"] = _aligned(at["model"] + len(model))
    fast = Fast(_aligned(at["arena"] + recording.size), at["arena"], at["model"])
    windows: set[tuple[int, int]] = set()
    layers: list[dict[str, Any]] = []
    written: dict[int, int] = {}  # tensors by the layers that write them; -1 is the input
    for number, layer in enumerate(recording.layers):
        words = with_weights(Record(recording.words[number * _WORDS : (number + 1) * _WORDS]), model)
        layers.append({**_layer(layer, words, at, compiled), "source": written.get(layer.source, -1)})
        written[layer.tensor] = number
        if wasm32.takes(words):
            layers[-1]["fast"] = fast.layer(words)
            if words.operator == DEPTHWISE_CONV_2D:
                windows.add((words.k_h, words.k_w))
    pages = -(-fast.place_inputs() // PAGE)
    data = tuple((address, content) for content, address in compiled.data.items() if content)
    return Program(
        module(compiled.functions, Memory(pages), data),
        wasm32.build(windows, pages),
        {
            "model": at["model"],
            "input": at["arena"],
            "size": recording.input,
            "layers": layers,
            "end": pages * PAGE,
        },
    )


def _compile(layers: tuple[Layer, ...]) -> Compiled:
    """The functions that layers and pictures need."""
    compiled = _pictures().copy()
    for function in sorted({call.function for layer in layers for call in layer.calls}):
        kernel, _, name = function.partition(".")
        compiled.add(read(firmware_dir() / f"mobilenet/tflite/kernels/{kernel}.py"), kernel, [name])
    return compiled


@functools.cache
def _pictures() -> Compiled:
    compiled = Compiled()
    for name, functions in PICTURES.items():
        compiled.add(read(firmware_dir() / f"mobilenet/{name}.py"), name.split("/")[-1], functions)
    return compiled


def _constants(layers: tuple[Layer, ...]) -> list[Buffer]:
    arguments = [argument for layer in layers for call in layer.calls for argument in call.arguments]
    return [a for a in arguments if isinstance(a, Buffer) and not a.name]


def _layer(layer: Layer, words: Record, at: dict[str, int], compiled: Compiled) -> dict[str, Any]:
    return {
        "operator": layer.operator,
        "shape": [words.out_h, words.out_w, words.out_c],
        "window": [words.k_h, words.k_w] if layer.macs else [],
        "macs": layer.macs,
        "tensor": layer.tensor,
        "output": at["arena"] + words.output,
        "zero": words.out_zero,
        "calls": [_call(call, at, compiled) for call in layer.calls],
    }


def _call(call: Call, at: dict[str, int], compiled: Compiled) -> list[Any]:
    """A call with addresses in place of buffers."""
    arguments = [
        argument
        if isinstance(argument, int)
        else at[argument.name]
        if argument.name
        else compiled.address(argument.data)
        for argument in call.arguments
    ]
    return [call.function, *arguments]


def _aligned(address: int) -> int:
    return address + 15 & -16
