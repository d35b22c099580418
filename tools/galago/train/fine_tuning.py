# SPDX-License-Identifier: MIT
"""Quantization-aware fine-tuning: an int8 model learns to predict what its float model predicts.

    photos = TuningPhotos(training, validation)
    tflite = fine_tune(tflite, float_tflite, photos, settings, seed, checkpoint, progress)

The int8 model is computed in TensorFlow as the board rounds it (quantize.fake_quant): BatchNormalization is
folded into the convolutions, weights are rounded to steps per channel, outputs to the steps that calibration
chose. The float model is the teacher, on varied photos. That needs no labels, and passes on what the float
model learned from labels or teachers.

Scales stay as they are; only weights and biases change. A weight starts at the value that is nearest to the
float weight and still rounds to what the int8 model holds, so that a small change can move it to the next
step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.quantize.fake_quant import run
from galago.quantize.refine import can_refine
from galago.tflite.edit import EditableGraph
from galago.train.checkpoint import Checkpoint
from galago.train.loop import Loop, Stage
from galago.train.pixels import jitter, predict
from galago.train.progress import Progress
from galago.train.recipe import FineTuning

_BATCH = 64
_JITTER = 0.1  # strength of the colour jitter
_BIAS_SPEED = 4  # biases learn faster than weights, because they make up for weights that change step
_REACH = 0.49  # of a step: anything nearer than half a step rounds to the same


@dataclass(frozen=True)
class TuningPhotos:
    """Photos to learn from, and others on which the best epoch is chosen, both uint8 [n, h, w, c]."""

    training: np.ndarray
    validation: np.ndarray


def fine_tune(
    tflite: bytes,
    float_model: bytes,
    photos: TuningPhotos,
    settings: FineTuning,
    seed: int,
    checkpoint: Checkpoint,
    progress: Progress,
) -> bytes:
    """Returns the int8 model with weights and biases that bring its predictions closer to `float_model`'s.

    Both models are .tflite bytes. A model with operators that fake_quant does not know is returned unchanged.
    """
    graph, float_graph = EditableGraph(tflite), EditableGraph(float_model)
    if not can_refine(graph, float_graph) or not settings.epochs:
        return tflite
    keras = lazy_tensorflow.keras()
    teacher, student = _teacher_and_student(graph, float_graph)
    picture = keras.Input(photos.training.shape[1:])
    learner = keras.Model(picture, _divergence()(teacher(picture)[1:], student(picture)[1:]))
    both = keras.Model(picture, [teacher(picture)[0], student(picture)[0]])

    def validate() -> dict[str, float]:
        exact, rounded = predict(both, photos.validation)
        moved = np.abs(exact - rounded).sum(axis=1).mean() / 2
        return {"loss": float(moved), "agreement": float((exact.argmax(1) == rounded.argmax(1)).mean())}

    stage = Stage(
        name="int8",
        learner=learner,
        loss=lambda _, divergence: keras.ops.mean(divergence),
        batches=_batches(photos.training, settings.steps, seed),
        prepare=lambda: None,
        epochs=settings.epochs,
        steps=settings.steps,
        learning_rate=settings.learning_rate,
        patience=settings.epochs,  # runs all epochs, and uses the best of them
        average_weights=True,  # weights near the boundary of two steps flip to and fro
    )
    Loop(student, validate, checkpoint, progress, "fine-tuning for int8").run([stage])
    for layer, weights, absmax in zip(graph.weighted(), student.pairs(), student.absmaxes, strict=True):
        kernel, bias = weights
        graph.set_weights(layer, kernel.numpy(), bias.numpy(), absmax)
    return graph.packed()


def _teacher_and_student(graph: EditableGraph, float_graph: EditableGraph) -> tuple[Any, Any]:
    """Returns the float and the int8 model as Keras layers, whose outputs are [answer, *all logits]."""
    keras = lazy_tensorflow.keras()
    ends = [graph.layers[-1].output, *(x.inputs[0] for x in graph.layers if x.kind == "SOFTMAX")]

    class GraphNetwork(keras.layers.Layer):
        """The layers of the graph. Variables are in int8 steps: one learning rate suits all layers."""

        def __init__(self, rounded: bool) -> None:
            super().__init__(trainable=rounded, dtype="float32")
            self._rounded = rounded
            self._steps: list[Any] = []
            self.absmaxes: list[np.ndarray] = []

        def build(self, shape: Any) -> None:
            layers = zip(graph.weighted(), float_graph.weighted(), strict=True)
            for i, (layer, float_layer) in enumerate(layers):
                kernel, bias = float_graph.kernel(float_layer), float_graph.bias(float_layer)
                absmax = graph.absmax(layer)
                if self._rounded:
                    stored, reach = graph.kernel(layer), _REACH * absmax / 127
                    kernel, bias = np.clip(kernel, stored - reach, stored + reach), graph.bias(layer)
                self.absmaxes.append(absmax)
                bias_step = np.float32(graph.quantization(layer.output)[0] * _BIAS_SPEED)
                for name, values, step in (("kernel", kernel, absmax / 127), ("bias", bias, bias_step)):
                    weight = self.add_weight(shape=values.shape, name=f"{name}_{i}")
                    weight.assign(values / step)
                    self._steps.append(step)

        def pairs(self) -> list[tuple[Any, Any]]:
            """Returns kernel and bias of each layer, in real numbers."""
            values = [w.value * step for w, step in zip(self.weights, self._steps, strict=True)]
            return list(zip(values[::2], values[1::2], strict=True))

        def call(self, pictures: Any) -> list[Any]:
            tensors = run(graph, pictures, self.pairs(), self.absmaxes if self._rounded else None)
            return [tensors[end] for end in ends]

    return GraphNetwork(False), GraphNetwork(True)


def _divergence() -> Any:
    keras = lazy_tensorflow.keras()
    ops = keras.ops

    class Divergence(keras.layers.Layer):
        """Sums the Kullback-Leibler divergences of the student's softmaxes, not rounded, from the teacher's.

        The inputs are lists of logits; the output is [n].
        """

        def call(self, teacher: list[Any], student: list[Any]) -> Any:
            total = 0.0
            for exact, rounded in zip(teacher, student, strict=True):
                p, log_p, log_q = ops.softmax(exact), ops.log_softmax(exact), ops.log_softmax(rounded)
                total += ops.sum(p * (log_p - log_q), axis=1)
            return total

    return Divergence()


def _batches(pixels: np.ndarray, steps: int, seed: int) -> Callable[[int], Any]:
    keras = lazy_tensorflow.keras()

    class Batches(keras.utils.PyDataset):
        """An epoch of photos drawn at random and jittered. The targets are unused."""

        def __init__(self, epoch: int) -> None:
            super().__init__()
            self._epoch = epoch

        def __len__(self) -> int:
            return steps

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            random = np.random.default_rng([seed, self._epoch, index])
            drawn = random.choice(len(pixels), min(_BATCH, len(pixels)), replace=False)
            return jitter(pixels[drawn], random, _JITTER), np.zeros(len(drawn), np.float32)

    return Batches
