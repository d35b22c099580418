# SPDX-License-Identifier: MIT
"""Float .tflite files: what they do to pixels, what they answer, and calibration to int8.

lines = floats.take_preparation(graph)          # Rescaling and Normalization at the start, removed; or None
answers = floats.run(data, inputs)                 # float32 [n, outputs]
int8 = floats.quantize(data, inputs)               # by Google's ai-edge-quantizer

`inputs` are float32 [n, height, width, channels], what the network itself expects. Needs the extra `import`.
"""

import importlib
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.errors import GalagoError
from galago.importer.activations import make_integer
from galago.importer.graph import FLOAT32, INT8, UINT8, Graph
from galago.importer.ranges import Line
from galago.resources import install_command
from galago.tflite import schema

_ARITHMETIC = ("MUL", "ADD", "SUB", "DIV")
_SIGNATURE = "serving_default"
_NARROWEST = 1e-4  # range of a tensor
_WIDEST = 8.0  # numbers that a network expects lie closer together, unless they are pixels themselves


@schema.malformed()
def take_float_weights(graph: Graph) -> None:
    """Makes the int8 weights of a dynamic-range graph float32, with the values that they stand for."""
    for operator in graph.operators:
        for tensor in operator.inputs[1:]:
            values = graph.values(tensor)
            if (
                values is None
                or graph.type(tensor) not in (INT8, UINT8)
                or not schema.is_quantized(graph.tensors[tensor])
            ):
                continue
            one: Any = graph.tensors[tensor]
            scales, points = schema.quantization(one)
            along = [1] * values.ndim
            along[one.quantization.quantizedDimension if len(scales) > 1 else 0] = -1
            real = (values.astype(np.float64) - np.reshape(points, along)) * scales.reshape(along)
            one.type, one.quantization = FLOAT32, None
            graph.set_values(tensor, real.astype(np.float32))


@schema.malformed()
def take_preparation(graph: Graph, given: list[Line] | None = None) -> list[Line] | None:
    """Removes what a float graph does to its pixels; returns one line per channel, or None for nothing.

    That is arithmetic with constants, one or one per channel, at the start. It is applied to what `given`
    makes of pixels, or else to pixels as they are or from 0 to 1, whichever fits.
    """
    channels = graph.shape(graph.inputs[0])[3]
    factor, constant, found = np.ones(channels), np.zeros(channels), False
    while True:
        (source,) = graph.inputs
        readers = graph.readers(source)
        if graph.type(source) != FLOAT32 or len(readers) != 1:
            break
        (operator,) = readers
        values = _constant(graph, operator, source, channels)
        if values is None:
            break
        match graph.kind(operator):
            case "MUL":
                factor, constant = factor * values, constant * values
            case "DIV":
                factor, constant = factor / values, constant / values
            case "ADD":
                constant = constant + values
            case _:
                constant = constant - values
        graph.operators.remove(operator)
        graph.inputs = [operator.outputs[0]]
        found = True
    if not found:
        return None
    if given:
        return [(f * a, f * b + c) for f, c, (a, b) in zip(factor, constant, given, strict=True)]
    return _lines(factor, constant)


def _constant(graph: Graph, operator: Any, source: int, channels: int) -> np.ndarray | None:
    """The constant of an operator on a tensor, float64 [channels]; None for any other operator."""
    kind = graph.kind(operator)
    if kind not in _ARITHMETIC or operator.builtinOptions is None:
        return None
    first = operator.inputs[0] == source
    if operator.builtinOptions.fusedActivationFunction or (not first and kind in ("SUB", "DIV")):
        return None
    values = graph.values(operator.inputs[1 if first else 0])
    if values is None or values.size not in (1, channels) or values.shape[-1:] not in ((), (1,), (channels,)):
        return None
    values = np.broadcast_to(values.astype(np.float64).ravel(), (channels,))
    return None if kind == "DIV" and not values.all() else values


def _lines(factor: np.ndarray, constant: np.ndarray) -> list[Line] | None:
    """The lines for pixels 0 to 255, or for 0 to 1 if the network scales those up."""
    for unit in (1.0, 1 / 255):
        ends = np.stack([constant, constant + 255 * unit * factor])
        if np.abs(ends).max() <= _WIDEST or (
            unit == 1.0 and np.all(factor == 1) and np.abs(ends).max() <= 256
        ):
            return [(float(a * unit), float(b)) for a, b in zip(factor, constant, strict=True)]
    raise GalagoError(
        "model.quantization",
        f"the network starts with {factor[0]:g} * x + {constant[0]:g}, which fits neither pixels nor 0 to 1: "
        "remove these layers, and say the range with --input-range",
    )


def prepared(pixels: np.ndarray, lines: list[Line]) -> np.ndarray:
    """What a network expects for pixels, uint8 [..., channels], as float32 of the same shape."""
    factors, constants = np.array([a for a, _ in lines]), np.array([b for _, b in lines])
    return (pixels * factors + constants).astype(np.float32)


def run(data: bytes, inputs: np.ndarray) -> np.ndarray:
    """The outputs of a float .tflite, float32 [n, outputs]."""
    interpreter, source, target = _interpreter(data)
    outputs = []
    for picture in inputs:
        interpreter.set_tensor(source, picture[np.newaxis])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target).ravel().copy())
    return np.array(outputs)


def quantize(data: bytes, inputs: np.ndarray, lines: list[Line]) -> bytes:
    """A full-int8 .tflite with int8 weights per channel, calibrated on inputs, which `lines` made of pixels.

    The input covers what pixels 0 to 255 become, whatever the photos show. Raises GalagoError config.missing
    without the extra `import`, and model.quantization where an operator has no int8 form.
    """
    recipe, quantizer = _module("ai_edge_quantizer.recipe"), _module("ai_edge_quantizer.quantizer")
    data, name, tensor = _with_signature(data)
    try:
        with lazy_tensorflow.silence():
            quantizer = quantizer.Quantizer(data, recipe.static_wi8_ai8())
            ranges = quantizer.calibrate({_SIGNATURE: [{name: inputs[:1]}]})
            _widen(ranges, data, inputs[1:])
            ends = prepared(np.array([[0], [255]]), lines)
            for one in ranges.values():  # a dead channel would give a scale that no kernel can compute with
                one["max"] = np.maximum(one["max"], one["min"] + _NARROWEST)
            ranges[tensor]["min"], ranges[tensor]["max"] = (
                end.reshape(ranges[tensor]["min"].shape) for end in (ends.min(), ends.max())
            )
            quantized = bytes(quantizer.quantize(ranges).quantized_model)
    except (ValueError, RuntimeError, KeyError, TypeError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:160]
        raise GalagoError(
            "model.quantization",
            f"ai-edge-quantizer cannot quantize the model ({reason}): convert it to full int8 where it was "
            "trained",
        ) from error
    graph = Graph(quantized)
    changed = make_integer(graph)
    _check_whole(graph)
    return graph.packed() if changed else quantized


def _widen(ranges: dict[str, Any], data: bytes, inputs: np.ndarray) -> None:
    """Widens the ranges of tensors, by their names, to all that they hold for inputs.

    The quantizer itself averages over the photos, the first of them most, and clips what the others need.
    """
    interpreter, source, _ = _interpreter(data, experimental_preserve_all_tensors=True)
    found = [(each["index"], ranges.get(each["name"])) for each in interpreter.get_tensor_details()]
    computed = [(index, one) for index, one in found if one and one["min"].size == 1]  # others are weights
    for picture in inputs:
        interpreter.set_tensor(source, picture[np.newaxis])
        interpreter.invoke()
        for index, one in computed:
            values = interpreter.get_tensor(index)
            one["min"], one["max"] = (
                np.minimum(one["min"], values.min()),
                np.maximum(one["max"], values.max()),
            )


def _check_whole(graph: Graph) -> None:
    """Raises GalagoError model.operator where an operator stayed in float32."""
    graph.prune()
    for operator in graph.operators:
        if any(graph.type(i) == FLOAT32 for i in operator.outputs) and graph.kind(operator) != "DEQUANTIZE":
            raise GalagoError(
                "model.operator",
                f"{graph.kind(operator)} {graph.name(operator.outputs[0])} has no int8 form in "
                "ai-edge-quantizer: convert the model to full int8 with TensorFlow's converter",
            )


def _with_signature(data: bytes) -> tuple[bytes, str, str]:
    """The .tflite with a signature, which the quantizer needs; its input's name there, and as a tensor."""
    model: Any = schema.parse(data)
    graph = model.subgraphs[0]
    signature = schema.new("SignatureDefT")
    signature.signatureKey, signature.subgraphIndex = _SIGNATURE, 0
    signature.inputs, signature.outputs = [], []
    for maps, indexes in ((signature.inputs, graph.inputs), (signature.outputs, graph.outputs)):
        for index in indexes:
            entry = schema.new("TensorMapT")
            entry.name, entry.tensorIndex = f"tensor_{int(index)}", int(index)
            maps.append(entry)
    model.signatureDefs = [signature]
    tensor = schema.tensor_name(graph.tensors[graph.inputs[0]])
    return schema.pack(model), signature.inputs[0].name, tensor


def _interpreter(data: bytes, **options: Any) -> tuple[Any, int, int]:
    """LiteRT's kernels without XNNPACK for a .tflite, and the indexes of its input and output."""
    litert = _module("ai_edge_litert.interpreter")
    resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = litert.Interpreter(model_content=data, experimental_op_resolver_type=resolver, **options)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    return interpreter, int(source["index"]), int(target["index"])


def _module(name: str) -> Any:
    try:
        with lazy_tensorflow.silence():
            return importlib.import_module(name)
    except ImportError as error:
        raise GalagoError(
            "config.missing",
            f"float models need LiteRT and ai-edge-quantizer ({error}): {install_command('import')}",
        ) from None
