# SPDX-License-Identifier: MIT
"""Models that no board of Galago can classify with, each refused by what it is.

check(graph)         # raises GalagoError model.operator or model.quantization
"""

from galago.errors import GalagoError
from galago.importer.graph import INT8, INT16, UINT8, Graph
from galago.tflite import schema

_BEFORE = "take the .tflite from before that compiler"


@schema.malformed()
def check(graph: Graph) -> None:
    """Raises GalagoError for a model compiled for other chips, a detector, or one that takes no picture."""
    for kind in graph.kinds():
        if kind.startswith("CUSTOM"):
            _refuse_custom(kind.removeprefix("CUSTOM "))
    shape = graph.shape(graph.inputs[0])
    if len(graph.inputs) != 1 or len(shape) != 4 or shape[3] not in (1, 3):
        shapes = " and ".join("x".join(map(str, graph.shape(i))) or "a number" for i in graph.inputs)
        raise GalagoError(
            "model.operator",
            f"expected one picture of 1 or 3 channels as input, got {shapes}: this is no image classifier"
            + (
                " in TensorFlow's order of height, width, channels"
                if len(shape) == 4 and shape[1] in (1, 3)
                else ""
            ),
        )
    if any(graph.type(i) == INT16 for i in graph.inputs):
        raise GalagoError(
            "model.quantization",
            "the activations are int16 (16x8): convert the model again with int8 activations",
        )


def check_output(graph: Graph, output: int) -> None:
    """Raises GalagoError model.operator unless a tensor is [1, classes], perhaps with dimensions of 1."""
    shape = graph.shape(output)
    long = [n for n in shape if n != 1]
    if len(long) <= 1:
        return
    if len(shape) == 4:
        _, height, width, classes = shape
        raise GalagoError(
            "model.operator",
            f"this is an object detector (FOMO, or a segmentation): its output is a grid of {height}x{width} "
            f"cells with {classes} classes, not one answer: train an image classifier",
        )
    raise GalagoError(
        "model.operator",
        f"this is an object detector (SSD or YOLO): its output has the shape {'x'.join(map(str, shape))}, "
        "not one score per class: train an image classifier",
    )


def _refuse_custom(name: str) -> None:
    if name == "edgetpu-custom-op":
        raise GalagoError(
            "model.operator", f"this file is compiled for Coral's Edge TPU: {_BEFORE} (edgetpu_compiler)"
        )
    if name == "ethos-u":
        raise GalagoError("model.operator", f"this file is compiled for Arm's Ethos-U: {_BEFORE} (Vela)")
    if name == "TFLite_Detection_PostProcess":
        raise GalagoError(
            "model.operator",
            "this is an object detector (SSD, with TFLite_Detection_PostProcess): train an image classifier",
        )
    raise GalagoError(
        "model.operator",
        f"the operator {name or 'without a name'} is a custom one, which no engine has: convert the model "
        "with TFLITE_BUILTINS_INT8 alone",
    )


@schema.malformed()
def core(graph: Graph) -> str:
    """What the layers compute in: int8, uint8, float32, or "dynamic" (float32 with int8 weights)."""
    weighted = [
        one
        for one in graph.operators
        if graph.kind(one) in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    ]
    if not weighted:
        raise GalagoError(
            "model.operator", "the model has no convolution and no dense layer: this is no image classifier"
        )
    sources = {graph.type(one.inputs[0]) for one in weighted}
    if sources == {INT8}:
        return "int8"
    if sources == {UINT8}:
        return "uint8"
    if INT16 in sources:
        raise GalagoError(
            "model.quantization",
            "the activations are int16 (16x8): convert the model again with int8 activations",
        )
    if sources & {INT8, UINT8}:
        raise GalagoError(
            "model.quantization",
            "some layers compute in float32 and some in int8: convert the model again with full int8",
        )
    if any(graph.type(one.inputs[1]) in (INT8, UINT8) for one in weighted):
        return "dynamic"
    return "float32"
