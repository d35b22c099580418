# SPDX-License-Identifier: MIT
"""An int8 TFLite classifier as a kmodel.

    compiled = compile_model(data)
    compiled.model.write()              # the file
    compiled.rotated                    # whether it wants its pictures rotated by 180 degrees

MobileNet V1 and V2, and plain networks of their kind: 3x3 and 1x1 convolutions, residual additions, global
pooling, dense layers, softmax. The kmodel takes uint8 pixels, [channels, height, width], and gives float32
scores.
"""

from dataclasses import dataclass

from galago.errors import GalagoError
from galago.targets.k210.features import Features
from galago.targets.k210.head import Head, Where
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.memory import plan
from galago.targets.k210.padding import Padding
from galago.tflite.graph import Graph


@dataclass
class Compiled:
    """A kmodel, how to feed it, and what it needs: lines of KPU RAM, `model.main_bytes` of main RAM."""

    model: Kmodel
    rotated: bool
    kpu_lines: int
    names: list[str]  # of each layer: the TFLite layer that it is part of


def compile_model(tflite: bytes, head: Where = "kpu") -> Compiled:
    """Compiles. Raises model.malformed, model.operator by the layer's name, memory.kpu, memory.main."""
    graph = Graph.read(tflite)
    shape = graph.tensors[graph.input].shape
    if (
        len(shape) != 4
        or shape[0] != 1
        or shape[3] not in (1, 3)
        or not all(4 <= n <= 256 for n in shape[1:3])
    ):
        raise GalagoError(
            "model.operator", f"input {shape}: wanted one picture (1, 4..256, 4..256, 1 or 3): build it so"
        )
    padding = Padding(graph)
    features = Features(graph, padding)
    tail = Head(graph, features, head)
    for operator in graph.operators:
        source = operator.inputs[0]
        if tail.tensor != -1 and source != tail.tensor:
            raise GalagoError(
                "model.operator", f"{operator} branches off after the pooling: use a plain head"
            )
        match operator.kind:
            case "PAD":
                pass  # part of the convolution that follows
            case "RESHAPE" if tail.tensor != -1:
                tail.tensor = operator.output
            case "CONV_2D" | "FULLY_CONNECTED" if tail.tensor != -1:
                tail.dense(operator)
            case "CONV_2D" | "DEPTHWISE_CONV_2D" if tail.tensor == -1:
                features.convolve(operator)
            case "ADD" if tail.tensor == -1:
                features.add(operator)
            case "MEAN" | "AVERAGE_POOL_2D" if tail.tensor == -1:
                tail.pool(operator)
            case "SOFTMAX" if tail.tensor != -1:
                tail.softmax(operator)
            case _:
                raise GalagoError(
                    "model.operator",
                    f"{operator} has no place on the K210: use MobileNet V1 or V2, pooled, with a dense head",
                )
    if tail.tensor != graph.output:
        raise GalagoError(
            "model.operator", "the model does not end in a classifier: use MobileNet with its head"
        )
    result, classes = tail.finish(graph.operators[-1])
    used = plan(features.steps, [result.buffer])
    model = Kmodel(
        [step.layer for step in features.steps], [(result.buffer.address, 4 * classes)], used["main"]
    )
    return Compiled(model, padding.rotated, used["kpu"], [step.name for step in features.steps])
