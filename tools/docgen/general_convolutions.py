# SPDX-License-Identifier: MIT
"""Counts convolutions that no generator is written for, for docs/compiler.md: instructions per MAC.

counts(("armv6m", "armv7emsp"))     # a table; every output was compared with TensorFlow Lite Micro's
"""

from collections.abc import Iterator, Sequence

import numpy as np

from docgen.table import table
from galago.native import kernels, mpy
from galago.native.kernels import viper
from galago.native.verify import count, machines
from galago.native.verify.device import Device
from galago.resources import firmware_dir
from galago.tflite.build import GraphBuilder, convolution_options
from galago.tflite.reference import reference

_GENERAL, _DEPTHWISE = "general_convolution", "depthwise_conv_2d"  # kernels
_SIZE, _CHANNELS = 12, 16
_SEED = 1
_HEADINGS = ("layer", "core", "viper", "compiled", "ratio", "bytes, viper", "bytes, compiled")


def counts(architectures: Sequence[str]) -> str:
    """The table, for these processors."""
    rows = []
    for name, kernel, model in _models():
        oracle = reference(model)
        picture = np.random.default_rng(_SEED).integers(-128, 128, oracle.input_shape).astype(np.int8)
        expected = oracle.tensors(picture)
        for arch in architectures:
            found = []
            for native in (None, kernels.build(model, arch)):
                each = count.run(model, Device(arch), picture, native)
                count.check(each, expected)
                found.append(each.instructions / each.macs)
            theirs, ours = found
            sizes = (f"{size:,}" for size in _sizes(kernel, arch))
            core = machines.core(arch).name
            rows.append((name, core, f"{theirs:.1f}", f"{ours:.1f}", f"{theirs / ours:.1f}", *sizes))
    return table(_HEADINGS, rows, right=(2, 3, 4, 5, 6))


def _models() -> Iterator[tuple[str, str, bytes]]:
    """What each layer is, its kernel, and a model of it alone."""
    kind, depth = "CONV_2D", _CHANNELS
    yield f"{kind}, dilation 2", _GENERAL, _model(kind, (_CHANNELS, 3, 3, depth), dilation=2)
    yield f"{kind}, 4 groups", _GENERAL, _model(kind, (_CHANNELS, 3, 3, depth // 4))
    kind = "DEPTHWISE_CONV_2D"
    yield f"{kind}, dilation 2", _GENERAL, _model(kind, (1, 3, 3, depth), dilation=2)
    yield f"{kind}, 5 x 5", _DEPTHWISE, _model(kind, (1, 5, 5, depth))
    yield f"{kind}, 2 channels for each", _DEPTHWISE, _model(kind, (1, 3, 3, 2 * depth))


def _model(kind: str, shape: Sequence[int], dilation: int = 1) -> bytes:
    """One layer with random weights, on 12 x 12 pixels with 16 channels."""
    random = np.random.default_rng(_SEED)
    graph = GraphBuilder()
    axis = 0 if kind == "CONV_2D" else 3
    channels = shape[axis]
    source = graph.tensor("input", (1, _SIZE, _SIZE, _CHANNELS), [0.02], -5)
    output = graph.tensor("output", (1, _SIZE, _SIZE, channels), [0.02], -5)
    weights = random.integers(-127, 128, shape).astype(np.int8)
    bias = random.integers(-500, 500, channels).astype(np.int32)
    constants = [
        graph.tensor("weights", shape, [0.01] * channels, data=weights, axis=axis),
        graph.tensor("bias", bias.shape, [0.0002] * channels, data=bias),
    ]
    options = convolution_options(kind, (1, 1), dilation=dilation)
    if kind == "DEPTHWISE_CONV_2D":
        options.depthMultiplier = channels // _CHANNELS
    graph.operator(kind, [source, *constants], output, options, version=3)
    return graph.pack([source], [output])


def _sizes(kernel: str, arch: str) -> tuple[int, int]:
    """Bytes of machine code, in viper and compiled; both include what fills the table's multipliers."""
    folder = firmware_dir() / "mobilenet/tflite"
    sources = (folder / f"kernels/{kernel}.py", folder / "quantization.py")
    theirs = [code for path in sources for code in mpy.read(mpy.compile(path, arch)).functions().values()]
    viper_bytes = sum(len(code.data) for code in theirs if code.kind is mpy.Kind.VIPER)
    return viper_bytes, len(viper.code(kernel, arch) or b"")
