# SPDX-License-Identifier: MIT
"""Biases that make up for what TinyMaix cuts off where TensorFlow Lite Micro rounds.

    correct(tmdl, tensors, tflite, pictures)      # changes the biases of a tinymaix.Tmdl

Cutting off moves each map's mean, by up to half a step a layer, and layers add that up. Layer by layer, each
channel's bias is set so that its mean over some pictures is TensorFlow Lite Micro's: what remains is noise,
as rounding has. Layers without an activation stay as they are, since TinyMaix wraps around what leaves their
range, and means of that are worth nothing; so does what comes behind a softmax within the network: its shares
are few and far apart, and the mean of a few pictures says nothing of others. (The idea is Nagel et al. 2019,
"Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.2.)
"""

import numpy as np

from galago.targets import tinymaix
from galago.targets.tinymaix import Layer, Tmdl
from galago.tflite.graph import Graph
from galago.tflite.tflm import Tflm

_ROUNDS = 2  # a bias that leaves ReLU6's bounds does less than it should
_LARGEST = (1 << 31) - 1


def correct(model: Tmdl, tensors: list[int], tflite: bytes, pictures: np.ndarray) -> None:
    """`tensors` are the .tflite's that the layers make; `pictures` int8 [n, height, width, channels]."""
    oracle, graph = Tflm(tflite), Graph.read(tflite)
    wanted = [_means(oracle.tensors(picture), tensors) for picture in pictures]
    buffers = [tinymaix.buffer(model, picture) for picture in pictures]
    for number, (layer, tensor) in enumerate(zip(model.layers, tensors, strict=True)):
        if layer.kind == tinymaix.SOFTMAX:
            return
        if layer.kind in (tinymaix.CONV, tinymaix.DEPTHWISE) and layer.activation != tinymaix.NONE:
            made = graph.tensors[tensor]
            mean = np.mean([means[number] for means in wanted], axis=0)
            _correct_layer(layer, buffers, (mean - made.zero_point) * made.scale)
        for buffer in buffers:
            tinymaix.store(layer, buffer, tinymaix.compute(layer, buffer))


def _means(made: dict[int, np.ndarray], tensors: list[int]) -> list[np.ndarray]:
    """Of each tensor, by channel."""
    return [made[tensor].reshape(-1, made[tensor].shape[-1]).mean(0) for tensor in tensors]


def _correct_layer(layer: Layer, buffers: list[np.ndarray], wanted: np.ndarray) -> None:
    """`wanted`: the real mean of each channel."""
    channels = layer.output_shape[2]
    for _ in range(_ROUNDS):
        values = [tinymaix.compute(layer, buffer).reshape(-1, channels).mean(0) for buffer in buffers]
        mean = (np.mean(values, axis=0) - layer.output_zero_point) * layer.output_scale
        steps = np.rint((wanted - mean) / (layer.scales.astype(float) * layer.input_scale))
        layer.biases = (layer.biases + steps).clip(-_LARGEST, _LARGEST).astype(np.int32)
