# SPDX-License-Identifier: MIT
"""Weights for a narrow MobileNet from a wide one: its most important channels, where ImageNet has no others.

    narrow.fill(small, wide)        # two bodies of one architecture without their top, of different alpha

A channel's importance is the L1 norm of its filter, scaled as BatchNormalization does (Li et al. 2017). What
is cut away is missed: such a network has to be trained again, but from better filters than random ones.
"""

from typing import Any

import numpy as np

from galago import quiet


def fill(small: Any, wide: Any) -> None:
    """Sets the weights of `small` to those of the channels of `wide` that matter most, layer by layer.

    Layers go by name, in the order of the graph; `kept` says which channels of a layer's output remain. What
    is added up must keep the same channels: a block with a shortcut takes those of its input.
    """
    keras = quiet.keras()
    kept: dict[str, np.ndarray] = {wide.layers[0].name: np.arange(3)}
    names = {layer.name for layer in wide.layers}
    for layer in wide.layers[1:]:
        sources = [operation.name for operation in _sources(layer)]
        channels = kept[sources[0]]
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            small.get_layer(layer.name).set_weights([layer.get_weights()[0][:, :, channels]])
        elif isinstance(layer, keras.layers.Conv2D):
            target = small.get_layer(layer.name)
            shortcut = layer.name.replace("_project", "_add")
            if shortcut != layer.name and shortcut in names:
                chosen = kept[_other(wide.get_layer(shortcut), layer.name)]
            else:
                chosen = _important(layer, wide, channels, target.filters)
            target.set_weights([layer.get_weights()[0][:, :, channels][..., chosen]])
            channels = chosen
        elif isinstance(layer, keras.layers.BatchNormalization):
            small.get_layer(layer.name).set_weights([values[channels] for values in layer.get_weights()])
        kept[layer.name] = channels


def _important(layer: Any, wide: Any, inputs: np.ndarray, count: int) -> np.ndarray:
    """The `count` output channels of a convolution that matter most, in their order."""
    kernel = np.abs(layer.get_weights()[0][:, :, inputs]).sum(axis=(0, 1, 2))
    normal = next(each for each in wide.layers if layer.name in [s.name for s in _sources(each)])
    gamma, _, _, variance = normal.get_weights()
    importance = kernel * np.abs(gamma) / np.sqrt(variance + normal.epsilon)
    return np.sort(np.argsort(-importance, kind="stable")[:count])


def _sources(layer: Any) -> list[Any]:
    """The layers whose outputs a layer takes."""
    return [node.operation for inbound in layer._inbound_nodes[:1] for node in inbound.parent_nodes]


def _other(addition: Any, branch: str) -> str:
    """The input of a shortcut's addition that is not the block's own branch."""
    return next(source.name for source in _sources(addition) if not source.name.startswith(branch))
