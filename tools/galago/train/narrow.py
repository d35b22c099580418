# SPDX-License-Identifier: MIT
"""A narrow MobileNetV2 from the ImageNet weights of a wider one, for widths that have no weights at hand.

    narrow(body, wide, pictures, progress)      # of 0.35 from 1.0

It needs some hundred unlabelled pictures and no gradients:

1. Between V2's blocks maps are linear, so those of the narrow network are the principal components of the
   wide one's.
2. Within a block the channels are chosen one by one, each the one that leaves least of the block's output
   unexplained (orthogonal matching pursuit; He et al. 2017 prune channels alike).
3. Each 1x1 convolution is solved for by least squares, on what the narrow network itself gives so far.

What comes out sees far less than the wide network, but much more than random weights: a start for fitting.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from galago import quiet
from galago.errors import GalagoError
from galago.train.progress import Progress
from galago.train.views import to_float

_BATCH = 64
_PLACES = 36  # of each map that are looked at
_RIDGE = 1e-3  # of the mean variance


def narrow(body: Any, wide: Any, pictures: np.ndarray, progress: Progress) -> None:
    """Sets the weights of `body` from those of `wide`: MobileNetV2 of one input size, with Keras' names.

    `pictures` are uint8 [n, size, size, 3]. Both have to end alike, as Keras' alphas up to 1 do, in as many
    features; raises config.invalid where they do not.
    """
    small, large = _Side(body, pictures), _Side(wide, pictures)
    if "Conv_1" not in small.layers or small.channels("Conv_1") != large.channels("Conv_1"):
        raise GalagoError(
            "config.invalid",
            "wanted a mobilenet_v2 to narrow, of alpha 1 at most: see to `wide` in the recipe",
        )
    stages = _stages(small.layers)
    progress.begin("narrowing", sum(map(len, stages)) + 2)
    _first(small, large)
    progress.advance()
    for stage in stages:
        # The last output of a stage is the sum of all.
        basis = _components(large.values(_end(small, stage[-1])), small.channels(f"{stage[0]}_project"))
        for block in stage:
            _block(small, large, block, basis)
            progress.advance()
    small.solve("Conv_1", "Conv_1_bn", large.values("Conv_1_bn"))
    progress.advance()


class _Side:
    """One network, the maps of the pictures up to some layer of it, and what its next layers make of them."""

    def __init__(self, network: Any, pictures: np.ndarray) -> None:
        self.layers = {layer.name: layer for layer in network.layers}
        self._at, self._maps = network.input, to_float(pictures)

    def channels(self, conv: str) -> int:
        """Channels that a convolution gives."""
        return self.layers[conv].filters

    def values(self, layer: str = "") -> np.ndarray:
        """What a layer gives at some places of the maps, the same on both sides: float32 [rows, channels]."""
        return np.concatenate([_some_places(maps) for maps in (self._run(layer) if layer else [self._maps])])

    def go_on(self, layer: str) -> None:
        """From here on all starts with what this layer gives."""
        self._maps = np.concatenate(list(self._run(layer)))
        self._at = self.layers[layer].output

    def copy(self, wide: "_Side", layer: str, chosen: np.ndarray, axis: int) -> None:
        """Takes the chosen channels of a layer's weights, which lie along `axis` of a kernel."""
        weights = wide.layers[layer].get_weights()
        along = [axis] if len(weights) == 1 else [0] * len(weights)
        self.layers[layer].set_weights([w.take(chosen, a) for w, a in zip(weights, along, strict=True)])

    def solve(self, conv: str, normal: str, wanted: np.ndarray, given: str = "") -> None:
        """Solves a 1x1 convolution and its BatchNormalization for `wanted` [rows, c], from layer `given`."""
        x = self.values(given).astype(np.float64)
        mean = wanted.mean(axis=0)
        centred = x - x.mean(axis=0)
        gram = centred.T @ centred
        gram += np.eye(len(gram)) * _RIDGE * np.trace(gram) / len(gram)
        kernel = np.linalg.solve(gram, centred.T @ (wanted - mean))
        made = x @ kernel
        self.layers[conv].set_weights([kernel[None, None]])
        scale = np.sqrt(made.var(axis=0) + self.layers[normal].epsilon)
        self.layers[normal].set_weights([scale, mean, made.mean(axis=0), made.var(axis=0)])

    def _run(self, layer: str) -> Iterator[np.ndarray]:
        model = quiet.keras().Model(self._at, self.layers[layer].output)
        for start in range(0, len(self._maps), _BATCH):
            yield np.asarray(model(self._maps[start : start + _BATCH], training=False))


def _some_places(maps: np.ndarray) -> np.ndarray:
    count, height, width, channels = maps.shape
    size = height * width
    places = np.random.default_rng(size).choice(size, min(size, _PLACES), replace=False)
    return maps.reshape(count, size, channels)[:, places].reshape(-1, channels)


def _first(small: _Side, large: _Side) -> None:
    """The first convolution and the block without expansion: chosen channels, and their projection."""
    block = "expanded_conv"
    wanted = large.values(f"{block}_project_BN")
    wanted = wanted @ _components(wanted, small.channels(f"{block}_project"))
    chosen = _choose(large.values(f"{block}_depthwise_relu"), wanted, small.channels("Conv1"))
    small.copy(large, "Conv1", chosen, axis=3)
    small.copy(large, "bn_Conv1", chosen, axis=0)
    small.copy(large, f"{block}_depthwise", chosen, axis=2)
    small.copy(large, f"{block}_depthwise_BN", chosen, axis=0)
    small.solve(f"{block}_project", f"{block}_project_BN", wanted, f"{block}_depthwise_relu")
    for side in (small, large):
        side.go_on(f"{block}_project_BN")


def _block(small: _Side, large: _Side, block: str, basis: np.ndarray) -> None:
    """Sets one block, whose output is that of the wide one times `basis` [wide channels, channels]."""
    projected = large.values(f"{block}_project_BN") @ basis
    chosen = _choose(large.values(f"{block}_depthwise_relu"), projected, small.channels(f"{block}_expand"))
    small.solve(f"{block}_expand", f"{block}_expand_BN", large.values(f"{block}_expand_BN")[:, chosen])
    small.copy(large, f"{block}_depthwise", chosen, axis=2)
    small.copy(large, f"{block}_depthwise_BN", chosen, axis=0)
    end = _end(small, block)
    wanted = large.values(end) @ basis
    if end.endswith("_add"):  # also mends what the blocks before it left out
        wanted = wanted - small.values()
    small.solve(f"{block}_project", f"{block}_project_BN", wanted, f"{block}_depthwise_relu")
    for side in (small, large):
        side.go_on(end)


def _end(side: _Side, block: str) -> str:
    return f"{block}_add" if f"{block}_add" in side.layers else f"{block}_project_BN"


def _stages(layers: dict[str, Any]) -> list[list[str]]:
    """Blocks whose outputs are added to each other: they share one basis."""
    stages: list[list[str]] = []
    for name in layers:
        if name.startswith("block_") and name.endswith("_project"):
            block = name.removesuffix("_project")
            if f"{block}_add" in layers:
                stages[-1].append(block)
            else:
                stages.append([block])
    return stages


def _components(maps: np.ndarray, count: int) -> np.ndarray:
    """The first principal components of maps [rows, c], float64 [c, count]."""
    centred = maps.astype(np.float64) - maps.mean(axis=0)
    return np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]


def _choose(hidden: np.ndarray, wanted: np.ndarray, count: int) -> np.ndarray:
    """The `count` columns of hidden [rows, c] that explain `wanted` [rows, d] best, int64 [count], rising.

    Orthogonal matching pursuit on the products: each chosen column is taken out of all others.
    """
    x = hidden.astype(np.float64) - hidden.mean(axis=0)
    left, cross = x.T @ x, x.T @ (wanted - wanted.mean(axis=0))
    least = 1e-6 * np.trace(left) / len(left)
    left += np.eye(len(left)) * least
    chosen: list[int] = []
    for _ in range(count):
        own = np.diag(left)
        gain = np.where(own > least, (cross**2).sum(axis=1) / np.maximum(own, least), 0.0)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        row, part = left[best] / np.sqrt(left[best, best]), cross[best] / np.sqrt(left[best, best])
        left = left - np.outer(row, row)
        cross = cross - np.outer(row, part)
    return np.sort(chosen)
