# SPDX-License-Identifier: MIT
"""Quantization-aware fine-tuning: an int8 model learns to say what its float network says.

    tflite = tune(tflite, float_tflite, pixels, kept, how, seed, checkpoint, progress)

The int8 model is computed in TensorFlow as the board rounds it (quantize.fake_quant): convolutions with
BatchNormalization folded in, weights in steps per channel, what layers give in the steps that calibration
chose. The float network is its teacher, on varied photos: no labels are needed, and what the float network
learned from labels or tutors is passed on. Steps stay as they are; only weights and biases move. A weight
begins as near to float's as rounds to what the int8 model holds: where that is far, a small move changes it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.quantize.fake_quant import run
from galago.quantize.refine import alike
from galago.tflite.edit import Graph
from galago.train.checkpoint import Checkpoint
from galago.train.loop import Course, Loop
from galago.train.progress import Progress
from galago.train.recipe import Tuning
from galago.train.views import adjust, to_float

_BATCH = 64
_COLOUR = 0.1  # strength of variation, as views.adjust has it
_FASTER = 4  # than weights biases learn, which have to make up for weights that flip
_HALF = 0.49  # of a step: what is nearer than that rounds to the same


def tune(
    tflite: bytes,
    plain: bytes,
    pixels: np.ndarray,
    kept: np.ndarray,
    how: Tuning,
    seed: int,
    checkpoint: Checkpoint,
    progress: Progress,
) -> bytes:
    """The int8 model with weights that make it answer more as its float twin `plain` does.

    `pixels` are photos to learn from, `kept` others by which the best epoch is chosen, uint8 [n, h, w, c].
    A model with layers that are not known here comes back as it is.
    """
    graph, twin = Graph(tflite), Graph(plain)
    if not alike(graph, twin) or not how.epochs:
        return tflite
    keras = lazy_tensorflow.keras()
    teacher, student = _replicas(graph, twin)
    picture = keras.Input(pixels.shape[1:])
    learner = keras.Model(picture, _divergence()(teacher(picture)[1:], student(picture)[1:]))
    check = keras.Model(picture, [teacher(picture)[0], student(picture)[0]])

    def judge() -> dict[str, float]:
        wanted, said = check.predict(to_float(kept), batch_size=_BATCH, verbose=0)
        moved = np.abs(wanted - said).sum(axis=1).mean() / 2
        return {"loss": float(moved), "agreement": float((wanted.argmax(1) == said.argmax(1)).mean())}

    course = Course(
        "int8",
        learner,
        lambda _, said: keras.ops.mean(said),
        _batches(pixels, how.steps, seed),
        lambda: None,
        how.epochs,
        how.steps,
        how.rate,
        patience=how.epochs,  # the best epoch is kept, all are run
        averaged=True,  # weights near the edge of a step flip to and fro
    )
    Loop(student, judge, checkpoint, progress, "fine-tuning for int8").run([course])
    for layer, (kernel, bias), absmax in zip(
        graph.weighted(), student.pairs(), student.absmaxes, strict=True
    ):
        graph.set_weights(layer, kernel.numpy(), bias.numpy(), absmax)
    return graph.packed()


def _replicas(graph: Graph, twin: Graph) -> tuple[Any, Any]:
    """The float network and the int8 model as Keras layers; each gives its answer, and all logits."""
    keras = lazy_tensorflow.keras()
    ends = [graph.layers[-1].output, *(x.inputs[0] for x in graph.layers if x.kind == "SOFTMAX")]

    class Replica(keras.layers.Layer):
        """Layers of the graph. What learns is counted in int8's steps, so that one rate suits all layers."""

        def __init__(self, rounded: bool) -> None:
            super().__init__(trainable=rounded, dtype="float32")
            self._rounded = rounded
            self._steps: list[Any] = []
            self.absmaxes: list[np.ndarray] = []

        def build(self, shape: Any) -> None:
            for i, (layer, other) in enumerate(zip(graph.weighted(), twin.weighted(), strict=True)):
                kernel, bias, absmax = twin.kernel(other), twin.bias(other), graph.absmax(layer)
                if self._rounded:
                    held, reach = graph.kernel(layer), _HALF * absmax / 127
                    kernel, bias = np.clip(kernel, held - reach, held + reach), graph.bias(layer)
                self.absmaxes.append(absmax)
                output_step = np.float32(graph.steps(layer.output)[0] * _FASTER)
                for name, values, step in (("kernel", kernel, absmax / 127), ("bias", bias, output_step)):
                    weight = self.add_weight(shape=values.shape, name=f"{name}_{i}")
                    weight.assign(values / step)
                    self._steps.append(step)

        def pairs(self) -> list[tuple[Any, Any]]:
            values = [w.value * step for w, step in zip(self.weights, self._steps, strict=True)]
            return list(zip(values[::2], values[1::2], strict=True))

        def call(self, pictures: Any) -> list[Any]:
            values = run(graph, pictures, self.pairs(), self.absmaxes if self._rounded else None)
            return [values[end] for end in ends]

    return Replica(False), Replica(True)


def _divergence() -> Any:
    keras = lazy_tensorflow.keras()
    ops = keras.ops

    class Divergence(keras.layers.Layer):
        """Kullback-Leibler divergence of int8's softmaxes, not yet rounded, from float's: their sum [n]."""

        def call(self, wanted: list[Any], said: list[Any]) -> Any:
            total = 0.0
            for exact, rounded in zip(wanted, said, strict=True):
                p, log_p, log_q = ops.softmax(exact), ops.log_softmax(exact), ops.log_softmax(rounded)
                total += ops.sum(p * (log_p - log_q), axis=1)
            return total

    return Divergence()


def _batches(pixels: np.ndarray, steps: int, seed: int) -> Callable[[int], Any]:
    keras = lazy_tensorflow.keras()

    class Batches(keras.utils.PyDataset):
        """An epoch of photos drawn by chance, mirrored and coloured a little differently."""

        def __init__(self, epoch: int) -> None:
            super().__init__()
            self._epoch = epoch

        def __len__(self) -> int:
            return steps

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            random = np.random.default_rng([seed, self._epoch, index])
            drawn = random.choice(len(pixels), min(_BATCH, len(pixels)), replace=False)
            return adjust(pixels[drawn], random, _COLOUR), np.zeros(len(drawn), np.float32)

    return Batches
