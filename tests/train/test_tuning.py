# SPDX-License-Identifier: MIT
"""Quantization-aware fine-tuning: it computes what TFLM computes, it helps, and it can be resumed."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from galago import evaluate, lazy_tensorflow, quantize, train
from galago.dataset.drawn import drawn
from galago.quantize import refine
from galago.quantize.fake_quant import apply, round_kernel, round_to
from galago.tflite.edit import Graph
from galago.tflite.tflm import Tflm
from galago.train.checkpoint import Checkpoint, State
from galago.train.recipe import Tuning
from galago.train.tuning import tune

keras = pytest.importorskip("keras", reason="needs the extra `train`")

SIZE = 24
HOW = Tuning(epochs=3, steps=30, rate=1e-2)


def pictures(first: int, count: int) -> np.ndarray:
    return np.stack([drawn(i, (SIZE, SIZE, 3)) for i in range(first, first + count)])


def floats(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32) - 128) / 128


class Subject:
    """A float network whose int8 loses much: every fourth channel of some tensors is twenty times smaller."""

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
        for number, layer in enumerate(layer for layer in network.layers if layer.weights):
            kernel, bias = layer.get_weights()
            kernel[..., ::4, :] *= (1, 0.05, 20, 0.05, 20, 1)[number]
            layer.set_weights([kernel, bias])
        said = network.predict(floats(pictures(500, 50)), verbose=0)
        kernel, _ = layer.get_weights()
        layer.set_weights([kernel * 2 / said.std(axis=0), -said.mean(axis=0) * 2 / said.std(axis=0)])
        self.network = quantize.with_softmax(network)
        self.plain = quantize.convert_float(self.network)
        self.tflite = quantize.convert(self.network, quantize.with_ends(pictures(0, 100)))

    def moved(self, tflite: bytes) -> float:
        """Share of its probability that int8 gives to other classes than float, by TensorFlow Lite Micro, on
        pictures that were neither calibrated on nor learned from."""
        others = pictures(1000, 100)
        answers = evaluate.tflm_answers(tflite, (others ^ 128).view(np.int8))
        wanted = self.network.predict(floats(others), verbose=0)
        return float(np.abs((answers + 128.0) / 256 - wanted).sum(axis=1).mean() / 2)

    def tuned(self, work: Path, tflite: bytes, how: Tuning = HOW) -> bytes:
        checkpoint = Checkpoint(work, "key", print)
        progress = train.Progress(Console(quiet=True))
        return tune(tflite, self.plain, pictures(0, 200), pictures(300, 50), how, 1, checkpoint, progress)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject()


def test_each_layer_computes_what_tflm_computes(subject: Subject) -> None:
    """From TFLM's own inputs to a layer; where it rounds a half, the two may differ by one step."""
    graph, twin, oracle = Graph(subject.tflite), Graph(subject.plain), Tflm(subject.tflite)
    others = iter(twin.weighted())
    tensors = {graph.input: (pictures(1000, 1)[0] ^ 128).view(np.int8)}
    tensors |= oracle.tensors(tensors[graph.input])

    def real(tensor: int) -> np.ndarray:
        scale, zero = graph.steps(tensor)
        return ((tensors[tensor].reshape(graph.shape(tensor)) - np.float32(zero)) * scale).astype(np.float32)

    for layer in graph.layers:
        kernel = bias = None
        if layer in graph.weighted():
            kernel, bias = twin.kernel(next(others)), graph.bias(layer)
            kernel = round_kernel(kernel, graph.absmax_for(layer, kernel, bias))
        said = apply(graph, layer, [real(t) for t in layer.inputs if t in tensors], kernel, bias)
        said = round_to(said, graph.limits(layer.output))
        scale, _ = graph.steps(layer.output)
        difference = np.abs(np.asarray(said).ravel() - real(layer.output).ravel()) / scale
        assert difference.max() < 1.01
        assert (difference > 0.01).mean() < 0.1


def test_int8_gains_by_refining(subject: Subject) -> None:
    """Its biases are all zero: a converter stores one zero for them all."""
    refined = refine.refine(subject.tflite, subject.plain, pictures(0, 100))
    assert subject.moved(refined) < subject.moved(subject.tflite) / 2


def test_fine_tuning_begins_with_the_model_that_it_got(subject: Subject, tmp_path: Path) -> None:
    """Rounded as refining rounded it, and not anew."""
    refined = refine.refine(subject.tflite, subject.plain, pictures(0, 100))
    tuned = subject.tuned(tmp_path, refined, Tuning(epochs=1, steps=1, rate=0))
    given = (pictures(1000, 20) ^ 128).view(np.int8)
    np.testing.assert_array_equal(evaluate.tflm_answers(tuned, given), evaluate.tflm_answers(refined, given))


def test_int8_gains_by_fine_tuning_also_when_interrupted(
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
