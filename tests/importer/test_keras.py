# SPDX-License-Identifier: MIT
"""Keras 3 and Keras 2 files and SavedModels, with the range that they have or that photos show."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galago import lazy_tensorflow
from galago.errors import GalagoError
from galago.importer import Imported, Options, import_model
from galago.importer.graph import Graph
from galago.tflite.tflm import Tflm
from support import exported
from support.requirements import extra_module

pytest.importorskip("ai_edge_quantizer")
pytestmark = pytest.mark.slow


def agreement(done: Imported, network: Any, factor: float, constant: float) -> float:
    """The share of pictures for which the imported model and the network answer alike."""
    pixels = exported.pixels(80, seed=21)
    reference = Tflm(done.model.tflite.read_bytes())
    scores = np.array([reference.run(each).ravel().copy() for each in done.model.tensor(pixels)])
    expected = np.asarray(network(pixels * np.float32(factor) + np.float32(constant)))
    if expected.shape[1] == 1:
        expected = np.concatenate([1 - expected, expected], axis=1)
    return float((done.model.probabilities(scores).argmax(1) == expected.argmax(1)).mean())


def test_a_rescaling_in_the_network_is_used(tmp_path: Path, photos: Path) -> None:
    network = exported.network(lazy_tensorflow.keras(), scale=1 / 127.5, offset=-1.0)
    network.save(tmp_path / "n.keras")
    done = import_model(tmp_path / "n.keras", tmp_path / "out", Options(calibrate=photos))
    assert agreement(done, network, 1, 0) > 0.85
    assert "transform" not in done.model.contract["input"]


def test_slopes_below_zero_become_int8(tmp_path: Path, photos: Path) -> None:
    """ai-edge-quantizer leaves both in float32; the slopes of PReLU, one per channel, are of either sign."""
    keras = lazy_tensorflow.keras()
    keras.utils.set_random_seed(7)
    layers = keras.layers
    slopes = keras.initializers.RandomUniform(-0.5, 0.5, seed=3)
    x = picture = keras.Input((exported.SIZE, exported.SIZE, 3), batch_size=1)
    x = layers.LeakyReLU(0.3)(layers.Conv2D(8, 3, strides=2)(x))
    x = layers.PReLU(slopes, shared_axes=[1, 2])(layers.Conv2D(12, 3, strides=2)(x))
    answer = layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    network = keras.Model(picture, answer)
    network.save(tmp_path / "n.keras")
    done = import_model(tmp_path / "n.keras", tmp_path / "out", Options(calibrate=photos, input_range="0..1"))
    kinds = Graph(done.model.tflite.read_bytes()).kinds()
    assert {"LEAKY_RELU", "PRELU"} <= set(kinds)
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(kinds)
    assert agreement(done, network, 1 / 255, 0) > 0.85


def test_one_sigmoid_has_two_classes(tmp_path: Path, photos: Path) -> None:
    network = exported.network(lazy_tensorflow.keras(), "sigmoid", classes=1)
    network.save(tmp_path / "n.keras")
    (tmp_path / "labels.txt").write_text("person\n")
    options = Options(calibrate=photos, input_range="0..1")
    done = import_model(tmp_path / "n.keras", tmp_path / "out", options)
    assert done.model.labels == ["not person", "person"]
    assert done.model.contract["output"]["activation"] == "sigmoid"
    assert agreement(done, network, 1 / 255, 0) > 0.85


def test_a_keras_2_file_is_opened(tmp_path: Path, photos: Path) -> None:
    """Keras 3 refuses it: DepthwiseConv2D has `groups`."""
    keras = pytest.importorskip("tf_keras")
    with lazy_tensorflow.silence():
        network = exported.network(keras)
        network.save(tmp_path / "keras_model.h5")
    with pytest.raises((ValueError, TypeError)):
        lazy_tensorflow.keras().models.load_model(tmp_path / "keras_model.h5", compile=False)
    options = Options(calibrate=photos, input_range="-1..1", name="teachable")
    done = import_model(tmp_path / "keras_model.h5", tmp_path / "out", options)
    assert agreement(done, network, 1 / 127.5, -1) > 0.85


def test_a_saved_model_and_the_range_that_its_photos_show(tmp_path: Path) -> None:
    network = exported.network(lazy_tensorflow.keras(), None)
    pixels = exported.pixels(90, seed=31)
    real = pixels * np.float32(2 / 255) - 1
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([kernel, bias - np.asarray(network(real)).mean(0)])  # all classes occur
    classes = np.asarray(network(real)).argmax(1)
    with lazy_tensorflow.silence():
        network.export(tmp_path / "saved")
    for number, (each, index) in enumerate(zip(pixels, classes, strict=True)):
        folder = tmp_path / "photos" / exported.LABELS[index]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(each).save(folder / f"{number}.png")
    (tmp_path / "names.txt").write_text("\n".join(exported.LABELS))
    options = Options(labels=tmp_path / "names.txt", calibrate=tmp_path / "photos")
    done = import_model(tmp_path / "saved", tmp_path / "out", options)
    assert done.facts["range"].startswith("-1..1")
    unnamed = Options(calibrate=tmp_path / "photos")
    with pytest.raises(GalagoError, match="add --input-range"):
        import_model(tmp_path / "saved", tmp_path / "other", unnamed)


@pytest.mark.parametrize("kind", ["Mine", "PyFunc", "WriteFile"])
def test_a_saved_model_with_custom_operators_is_refused_and_not_run(kind: str, tmp_path: Path) -> None:
    saved_model = extra_module("tensorflow.core.protobuf.saved_model_pb2", extra="import").SavedModel()
    function = saved_model.meta_graphs.add().graph_def.library.function.add()
    function.signature.name = "__inference"
    function.node_def.add(name="node", op=kind)
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(saved_model.SerializeToString())
    with pytest.raises(GalagoError, match=f"uses the operator {kind}, which is not executed") as caught:
        import_model(tmp_path / "saved", tmp_path / "out")
    assert caught.value.code == "model.operator"


@pytest.mark.parametrize("damage", ["cut", "weights"])
def test_broken_keras_files_are_refused(damage: str, tmp_path: Path) -> None:
    network = exported.network(lazy_tensorflow.keras())
    file = tmp_path / "n.h5"
    with lazy_tensorflow.silence():
        network.save_weights(tmp_path / "n.weights.h5") if damage == "weights" else network.save(file)
    if damage == "weights":
        (tmp_path / "n.weights.h5").rename(file)
    else:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(GalagoError) as caught:
        import_model(file, tmp_path / "out")
    assert caught.value.code == "model.malformed"
    assert "\n" not in caught.value.message
