# SPDX-License-Identifier: MIT
"""Compiles an int8 TFLite classifier to a kmodel.

    compiled = compile_model(data)
    compiled.model.write()              # the file
    compiled.rotated                    # whether it expects pictures rotated by 180 degrees

It supports MobileNet V1 and V2 and plain networks of their kind: 3x3 and 1x1 convolutions, residual
additions, global pooling (or Edge Impulse's dense layer at each position), dense layers and softmax. The
kmodel takes uint8 pixels, [channels, height, width], and returns float32 scores.
"""

from dataclasses import dataclass

from galago.errors import GalagoError
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.lowering.classifier_head import ClassifierHead, Processor
from galago.targets.k210.lowering.feature_extractor import FeatureExtractor
from galago.targets.k210.lowering.padding import Padding
from galago.targets.k210.memory_plan import plan
from galago.tflite.graph import Graph, Operator


@dataclass
class Compiled:
    """A kmodel, how to feed it, and the memory it needs; `model.main_bytes` is that of main RAM."""

    model: Kmodel
    rotated: bool
    kpu_lines: int  # of KPU RAM
    names: list[str]  # the TFLite layer that each layer is part of


def compile_model(tflite: bytes, head: Processor = "kpu") -> Compiled:
    """Compiles a .tflite; `head` is the processor for dense layers.

    Raises GalagoError model.malformed, model.operator with the layer's name, memory.kpu or memory.main.
    """
    graph = Graph.read(tflite)
    _check_input(graph)
    padding = Padding(graph)
    extractor = FeatureExtractor(graph, padding)
    classifier = ClassifierHead(graph, extractor, head)
    for operator in graph.operators:
        _lower(operator, extractor, classifier)
    if classifier.tensor != graph.output:
        raise GalagoError(
            "model.operator", "the model does not end in a classifier: use MobileNet with its head"
        )
    result, classes = classifier.finish(graph.operators[-1])
    used = plan(extractor.layers, [result.buffer])
    model = Kmodel(
        [one.layer for one in extractor.layers], [(result.buffer.address, 4 * classes)], used["main"]
    )
    return Compiled(model, padding.rotated, used["kpu"], [one.name for one in extractor.layers])


def _check_input(graph: Graph) -> None:
    shape = graph.tensors[graph.input].shape
    if (
        len(shape) != 4
        or shape[0] != 1
        or shape[3] not in (1, 3)
        or not all(4 <= n <= 256 for n in shape[1:3])
    ):
        raise GalagoError(
            "model.operator", f"input {shape}, expected one picture (1, 4..256, 4..256, 1 or 3): rebuild it"
        )


def _lower(operator: Operator, extractor: FeatureExtractor, classifier: ClassifierHead) -> None:
    """Lowers an operator: before the global pooling by the extractor, from then on by the classifier head."""
    pooled = classifier.tensor != -1
    if pooled and operator.inputs[0] != classifier.tensor:
        raise GalagoError("model.operator", f"{operator} branches off after the pooling: use a plain head")
    match operator.kind:
        case "PAD":
            pass  # part of the convolution that follows
        case "RESHAPE" if pooled:
            classifier.tensor = operator.output
        case "RESHAPE":
            classifier.reshape_map(operator)
        case "FULLY_CONNECTED" if not pooled:
            classifier.dense_at_positions(operator)
        case "CONV_2D" | "FULLY_CONNECTED" if pooled:
            classifier.dense(operator)
        case "CONV_2D" | "DEPTHWISE_CONV_2D" if not pooled:
            extractor.convolve(operator)
        case "ADD" if not pooled:
            extractor.add(operator)
        case "MEAN" | "AVERAGE_POOL_2D" if not pooled:
            classifier.pool(operator)
        case "SOFTMAX" if pooled:
            classifier.softmax(operator)
        case _:
            raise GalagoError(
                "model.operator",
                f"{operator} cannot run on the K210: use MobileNet V1 or V2, pooled, with a dense head",
            )
