# SPDX-License-Identifier: MIT
"""Quantization-aware fine-tuning computes what TFLM computes, improves int8, and can be resumed."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from galago import evaluate, lazy_tensorflow, quantize, train
from galago.dataset.drawn import drawn
from galago.quantize import refine
from galago.quantize.fake_quant import apply, fake_quant, fake_quant_kernel
from galago.tflite.edit import EditableGraph
from galago.tflite.tflm import Tflm
from galago.train.checkpoint import Checkpoint, State
from galago.train.fine_tuning import TuningPhotos, fine_tune
from galago.train.recipe import FineTuning
from support.requirements import extra_module

keras = extra_module("keras", extra="train")

SIZE = 24
SETTINGS = FineTuning(epochs=3, steps=30, learning_rate=1e-2)


def pictures(first: int, count: int) -> np.ndarray:
    return np.stack([drawn(i, (SIZE, SIZE, 3)) for i in range(first, first + count)])


def floats(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32) - 128) / 128


class Subject:
    """A float network that loses much in int8: every fourth channel of some tensors is 20 times smaller."""

    def __init__(self) -> None:
        keras.utils.set_random_seed(2)
        lazy_tensorflow.tensorflow().config.experimental.enable_op_determinism()
        layers = keras.layers
        picture = keras.Input((SIZE, SIZE, 3))
        x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu6")(picture)
        x = small = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
        y = layers.Conv2D(16, 1, activation="relu6")(x)
        y = layers.DepthwiseConv2D(3, padding="same")(y)
        x = layers.Conv2D(48, 1, activation="relu6")(layers.Add()([small, y]))
        logits = layers.Dense(8)(layers.GlobalAveragePooling2D()(x))
        network = keras.Model(picture, logits)
        weighted = [layer for layer in network.layers if layer.weights]
        for number, layer in enumerate(weighted):
            kernel, bias = layer.get_weights()
            kernel[..., ::4, :] *= (1, 0.05, 20, 0.05, 20, 1)[number]
            layer.set_weights([kernel, bias])
        logits = network.predict(floats(pictures(500, 50)), verbose=0)
        kernel, _ = weighted[-1].get_weights()
        weighted[-1].set_weights(
            [kernel * 2 / logits.std(axis=0), -logits.mean(axis=0) * 2 / logits.std(axis=0)]
        )
        self.network = quantize.with_softmax(network)
        self.float_model = quantize.convert_float(self.network)
        self.tflite = quantize.convert(self.network, quantize.with_black_and_white(pictures(0, 100)))

    def moved(self, tflite: bytes) -> float:
        """The share of its probability that int8 gives to other classes than float, by TensorFlow Lite Micro.

        It is measured on pictures that were used for neither calibration nor fine-tuning.
        """
        others = pictures(1000, 100)
        answers = evaluate.tflm_answers(tflite, (others ^ 128).view(np.int8))
        expected = self.network.predict(floats(others), verbose=0)
        return float(np.abs((answers + 128.0) / 256 - expected).sum(axis=1).mean() / 2)

    def tuned(self, work: Path, tflite: bytes, settings: FineTuning = SETTINGS) -> bytes:
        checkpoint = Checkpoint(work, "key", print)
        progress = train.Progress(Console(quiet=True))
        photos = TuningPhotos(pictures(0, 200), pictures(300, 50))
        return fine_tune(tflite, self.float_model, photos, settings, 1, checkpoint, progress)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject()


def test_each_layer_computes_what_tflm_computes(subject: Subject) -> None:
    """Each layer gets TFLM's own inputs; where a value lies between two steps, the two may differ by one."""
    graph, float_graph = EditableGraph(subject.tflite), EditableGraph(subject.float_model)
    reference, float_layers = Tflm(subject.tflite), iter(float_graph.weighted())
    tensors = {graph.input: (pictures(1000, 1)[0] ^ 128).view(np.int8)}
    tensors |= reference.tensors(tensors[graph.input])

    def real(tensor: int) -> np.ndarray:
        scale, zero = graph.quantization(tensor)
        return ((tensors[tensor].reshape(graph.shape(tensor)) - np.float32(zero)) * scale).astype(np.float32)

    for layer in graph.layers:
        kernel = bias = None
        if layer in graph.weighted():
            kernel, bias = float_graph.kernel(next(float_layers)), graph.bias(layer)
            kernel = fake_quant_kernel(kernel, graph.absmax_for(layer, kernel, bias))
        outputs = apply(graph, layer, [real(t) for t in layer.inputs if t in tensors], kernel, bias)
        outputs = fake_quant(outputs, graph.limits(layer.output))
        scale, _ = graph.quantization(layer.output)
        difference = np.abs(np.asarray(outputs).ravel() - real(layer.output).ravel()) / scale
        assert difference.max() < 1.01
        assert (difference > 0.01).mean() < 0.1


def test_refining_improves_int8(subject: Subject) -> None:
    """All biases are zero, and the converter stores one buffer of zeros for all of them."""
    refined = refine.refine(subject.tflite, subject.float_model, pictures(0, 100))
    assert subject.moved(refined) < subject.moved(subject.tflite) / 2


def test_fine_tuning_starts_from_the_given_model(subject: Subject, tmp_path: Path) -> None:
    """It keeps the rounding that refining chose."""
    refined = refine.refine(subject.tflite, subject.float_model, pictures(0, 100))
    tuned = subject.tuned(tmp_path, refined, FineTuning(epochs=1, steps=1, learning_rate=0))
    inputs = (pictures(1000, 20) ^ 128).view(np.int8)
    np.testing.assert_array_equal(
        evaluate.tflm_answers(tuned, inputs), evaluate.tflm_answers(refined, inputs)
    )


def test_fine_tuning_improves_int8_also_when_interrupted(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = subject.tuned(tmp_path / "whole", subject.tflite)
    before, after = subject.moved(subject.tflite), subject.moved(tuned)
    assert before > 0.1
    assert after < before / 2

    class StoppedError(Exception):
        """Stands for Ctrl-C between two epochs."""

    saved = Checkpoint.save

    def save(self: Checkpoint, state: State) -> None:
        saved(self, state)
        if state.epoch == 1:
            raise StoppedError

    monkeypatch.setattr(Checkpoint, "save", save)
    with pytest.raises(StoppedError):
        subject.tuned(tmp_path / "parts", subject.tflite)
    monkeypatch.setattr(Checkpoint, "save", saved)
    assert subject.tuned(tmp_path / "parts", subject.tflite) == tuned
