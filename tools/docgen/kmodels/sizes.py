# SPDX-License-Identifier: MIT
"""Size, memory and estimated time of kmodels, as rows of a table.

table(SIZES, [size_row(network) for network in networks])
"""

import numpy as np

from docgen.kmodels.networks import DENSE, CompiledNetwork
from galago.targets.k210 import kpu_ram
from galago.targets.k210.cycle_model import CLOCK, WEIGHT_RATE, seconds
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.kpu_conv import KpuConv
from galago.targets.k210.lowering.classifier_head import TAPS
from galago.targets.k210.lowering.convolution import MAX_CHANNELS
from galago.tflite.graph import Graph, Tensor

SIZES = (
    "model",
    "layers",
    "file",
    "over weights",
    "of it batch norm",
    "alignment",
    "KPU RAM",
    "main RAM",
    "KPU",
    "over bound",
    "compiled in",
)
"""The headings of the table."""


def size_row(network: CompiledNetwork) -> list[str]:
    """Returns a row for a network."""
    constants = sum(tensor.data.nbytes for tensor in network.graph.tensors if tensor.data is not None)
    model = network.compiled.model
    convs = [layer for layer in model.layers if isinstance(layer, KpuConv)]
    kpu_seconds = sum(seconds(layer) for layer in convs)
    biases = sum(t.data.nbytes for t in network.graph.tensors if t.data is not None and _is_bias(t))
    batch_norm = sum(len(layer.batch_norm.pack()) for layer in convs)
    return [
        network.name,
        str(len(model.layers)),
        f"{network.kmodel_bytes:,} B",
        f"{network.kmodel_bytes / constants - 1:+.1%}",
        f"{(batch_norm - biases) / constants:.1%}",
        f"{_alignment_bytes(model) / constants:.1%}",
        f"{network.compiled.kpu_lines * kpu_ram.LINE:,} B",
        f"{model.main_bytes:,} B",
        f"{kpu_seconds * 1e3:.1f} ms",
        f"{kpu_seconds / lower_bound(network.graph) - 1:+.1%}",
        f"{network.compile_seconds:.1f} s",
    ]


def lower_bound(graph: Graph) -> float:
    """Returns the seconds of the cycle model for convolutions and dense layers alone, mapped one to one.

    Additions, slices and padded maps come on top. A 1x1 layer after a depthwise layer of stride 2 runs at the
    larger size, as that layer does.
    """
    strided = {
        one.output for one in graph.operators if one.kind == "DEPTHWISE_CONV_2D" and one.options.strideH == 2
    }
    total = 0.0
    for one in graph.operators:
        if one.kind not in (*DENSE, "DEPTHWISE_CONV_2D"):
            continue
        weights, source = (graph.tensors[one.inputs[i]].shape for i in (1, 0))
        height, width = source[1:3] if len(source) == 4 and source[1] > 1 else (4, 4)
        inputs = source[-1] if source[-1] <= MAX_CHANNELS else -(-source[-1] // TAPS)
        if one.inputs[0] in strided:
            height, width = 2 * height, 2 * width
        depthwise = one.kind == "DEPTHWISE_CONV_2D" and source[-1] > 1
        outputs = weights[3] if one.kind == "DEPTHWISE_CONV_2D" else weights[0]
        cycles = kpu_ram.lines(inputs, height, width) * (1 if depthwise else outputs)
        total += cycles / CLOCK + np.prod(weights) / WEIGHT_RATE
    return total


def _is_bias(tensor: Tensor) -> bool:
    return tensor.data is not None and tensor.dtype == np.int32 and len(tensor.scales) == tensor.size > 1


def _alignment_bytes(model: Kmodel) -> int:
    """Returns the bytes of the file that align what comes after them."""
    packed = 0
    for layer in model.layers:
        packed += 8  # its type and size
        if isinstance(layer, KpuConv):
            blobs = layer.registers.pack(), layer.weights, layer.batch_norm.pack(), layer.activation.pack()
            packed += 24 + sum(len(bytes(blob)) for blob in blobs)
        else:
            packed += len(layer.write(0))
    return len(model.write()) - 28 - 8 * len(model.outputs) - packed
