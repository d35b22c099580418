# SPDX-License-Identifier: MIT
"""Bias correction: TinyMaix truncates where TensorFlow Lite Micro rounds.

    correct(model, tensors, tflite, pictures)      # changes the biases of a Tmdl

Truncation shifts the mean of each feature map by up to half a step per layer, and layers add that up. Layer
by layer, each channel's bias is set so that its mean over some pictures equals TensorFlow Lite Micro's; what
remains is noise, as from rounding. Two kinds of layers are left as they are. Layers without activation wrap
around outside their range in TinyMaix, so that a mean says nothing. Layers after a softmax within the network
get few and very different probabilities, so that the mean of a few pictures says nothing about others.
(Method: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section
4.2.)
"""

import numpy as np

from galago.targets.tinymaix import simulator
from galago.targets.tinymaix.tmdl import CONV, DEPTHWISE, NONE, SOFTMAX, Tmdl, TmdlLayer
from galago.tflite.graph import Graph
from galago.tflite.reference import reference

_ROUNDS = 2  # where ReLU6 clips, one correction falls short
_MAX_BIAS = (1 << 31) - 1


def correct(model: Tmdl, tensors: list[int], tflite: bytes, pictures: np.ndarray) -> None:
    """`tensors` are the .tflite's, one per layer; `pictures` are int8 [n, height, width, channels]."""
    oracle, graph = reference(tflite), Graph.read(tflite)
    expected = [_channel_means(oracle.tensors(picture), tensors) for picture in pictures]
    buffers = [simulator.buffer_with(model, picture) for picture in pictures]
    for number, (layer, tensor) in enumerate(zip(model.layers, tensors, strict=True)):
        if layer.kind == SOFTMAX:
            return
        if layer.kind in (CONV, DEPTHWISE) and layer.activation != NONE:
            output = graph.tensors[tensor]
            mean = np.mean([means[number] for means in expected], axis=0)
            _correct_layer(layer, buffers, (mean - output.zero_point) * output.scale)
        for buffer in buffers:
            simulator.store(layer, buffer, simulator.compute(layer, buffer))


def _channel_means(values: dict[int, np.ndarray], tensors: list[int]) -> list[np.ndarray]:
    """Returns for each of `tensors` the mean of each channel, float64 [channels]."""
    return [values[tensor].reshape(-1, values[tensor].shape[-1]).mean(0) for tensor in tensors]


def _correct_layer(layer: TmdlLayer, buffers: list[np.ndarray], expected: np.ndarray) -> None:
    """`expected` is the real mean of each output channel, float64 [channels]."""
    channels = layer.output_shape[2]
    for _ in range(_ROUNDS):
        values = [simulator.compute(layer, buffer).reshape(-1, channels).mean(0) for buffer in buffers]
        mean = (np.mean(values, axis=0) - layer.output_zero_point) * layer.output_scale
        steps = np.rint((expected - mean) / (layer.scales.astype(float) * layer.input_scale))
        layer.biases = (layer.biases + steps).clip(-_MAX_BIAS, _MAX_BIAS).astype(np.int32)
