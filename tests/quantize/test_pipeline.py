# SPDX-License-Identifier: MIT
"""Quantization writes the exact contract, equals TensorFlow Lite Micro, and refuses unsuitable models."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from galago import lazy_tensorflow, models, pictures
from galago.errors import GalagoError
from galago.tflite import tflm
from galago.tflite.tflm import Tflm
from support.requirements import extra_module

keras = extra_module("keras", extra="train")

from galago import quantize  # noqa: E402  (imports TensorFlow only when it runs)

SIZE = 16
INFO = quantize.ModelInfo("tiny")


def tiny(
    activation: str | None = "softmax", classes: int = 3, channels: int = 3, first: list | None = None
) -> Any:
    """A strided, a depthwise and a pointwise convolution with BatchNormalization, pooling and a head."""
    keras.utils.set_random_seed(5)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, channels)),
            *(first or []),
            layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(6),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.ReLU(6),
            layers.Conv2D(16, 1),
            layers.ReLU(6),
            layers.GlobalAveragePooling2D(),
            layers.Dense(classes, activation=activation),
        ]
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve photos of three classes, none black or white, and a file that is not a picture."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(3)
    for index in range(12):
        place = folder / "abc"[index % 3]
        place.mkdir(exist_ok=True)
        pixels = random.integers(60, 200, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{index}.png")
    (folder / "a" / "broken.jpg").write_text("this is no picture")
    return folder


@pytest.fixture(scope="module")
def built(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[models.ModelDirectory, list[str]]:
    """The model that is built from a .keras file, and the warnings."""
    folder = tmp_path_factory.mktemp("model")
    tiny().save(folder / "net.keras")
    warned: list[str] = []
    model = quantize.build(
        folder / "net.keras", photos, folder / "tiny", INFO, warn=warned.append, keep_float=True
    )
    return model, warned


def test_the_float_model_and_the_photos_are_kept_on_request(
    built: tuple[models.ModelDirectory, list[str]],
) -> None:
    """Compilers that quantize by themselves need them, such as nncase for the K230."""
    model, _ = built
    tensorflow, network = lazy_tensorflow.tensorflow(), tiny()
    pixels = np.load(model.path / "calibration.npy")
    assert (pixels.shape, pixels.dtype) == ((14, SIZE, SIZE, 3), np.uint8)
    reader = tensorflow.lite.Interpreter(model_path=str(model.path / "float.tflite"))
    reader.allocate_tensors()
    (input_,), (output,) = reader.get_input_details(), reader.get_output_details()
    for picture in (pixels[5:6].astype(np.float32) - 128) / 128, (pixels[:1].astype(np.float32) - 128) / 128:
        reader.set_tensor(input_["index"], picture)
        reader.invoke()
        expected = network(picture, training=False).numpy()
        assert np.allclose(reader.get_tensor(output["index"]), expected, atol=1e-5)


def test_the_contract_is_exact(built: tuple[models.ModelDirectory, list[str]]) -> None:
    model, _ = built
    contract = model.contract
    assert contract["input"] == {
        "height": SIZE,
        "width": SIZE,
        "channels": 3,
        "color": "rgb",
        "resize": "crop",
        "scale": 0.0078125,
        "zero_point": 0,
    }
    assert contract["output"] == {"scale": 0.00390625, "zero_point": -128, "activation": "softmax"}
    assert contract["labels"] == ["a", "b", "c"]
    # 8x8x8 outputs of 27, 8x8x8 of 9, 8x8x16 of 8, 16x3.
    assert contract["macs"] == 512 * 27 + 512 * 9 + 1024 * 8 + 48
    assert 8 * 8 * 16 <= contract["arena_bytes"] < 16 * 1024


def test_the_file_has_the_same_quantization(built: tuple[models.ModelDirectory, list[str]]) -> None:
    """TensorFlow's own interpreter reads it: int8, scale 1/128, weights with a scale per channel."""
    tensorflow = lazy_tensorflow.tensorflow()
    reader = tensorflow.lite.Interpreter(model_content=built[0].tflite.read_bytes())
    (input_,), (output,) = reader.get_input_details(), reader.get_output_details()
    assert input_["quantization"] == (1 / 128, 0)
    assert output["quantization"] == (1 / 256, -128)
    assert input_["dtype"] == output["dtype"] == np.int8
    assert input_["shape"].tolist() == [1, SIZE, SIZE, 3]
    channels = [
        len(t["quantization_parameters"]["scales"])
        for t in reader.get_tensor_details()
        if t["dtype"] == np.int8 and len(t["shape"]) == 4 and len(t["quantization_parameters"]["scales"]) > 1
    ]
    assert sorted(channels) == [8, 8, 16]


def test_golden_outputs_are_those_of_tflm(built: tuple[models.ModelDirectory, list[str]]) -> None:
    model, _ = built
    reference = Tflm(model.tflite.read_bytes())
    golden = list(model.golden())
    assert len(golden) == len(quantize.GOLDEN)
    for picture, expected in golden:
        assert reference.run(picture).ravel().tolist() == expected.tolist()
    assert len({tuple(expected.tolist()) for _, expected in golden}) > 1


def test_without_tflm_the_directory_is_the_same(
    built: tuple[models.ModelDirectory, list[str]],
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Windows and macOS have TensorFlow, but not TensorFlow Lite Micro."""
    expected, _ = built
    monkeypatch.setattr(tflm, "available", lambda: False)
    model = quantize.build(expected.path.parent / "net.keras", photos, tmp_path / "tiny", INFO)
    assert model.tflite.read_bytes() == expected.tflite.read_bytes()
    assert model.contract == expected.contract


def test_int8_follows_keras(built: tuple[models.ModelDirectory, list[str]], photos: Path) -> None:
    model, _ = built
    reference, network = Tflm(model.tflite.read_bytes()), tiny()
    for path in sorted(photos.rglob("*.png")):
        pixels = pictures.resize(pictures.load(path), SIZE, SIZE)
        float32 = network.predict((pixels[None].astype(np.float32) - 128) / 128, verbose=0)[0]
        int8 = (reference.run((pixels ^ 128).view(np.int8)).ravel().astype(int) + 128) / 256
        np.testing.assert_allclose(int8, float32, atol=0.03)


def test_a_bad_calibration_picture_is_named_and_skipped(
    built: tuple[models.ModelDirectory, list[str]],
) -> None:
    (line,) = built[1]
    assert "broken.jpg" in line
    assert "\n" not in line


def test_twice_gives_the_same_bytes(
    built: tuple[models.ModelDirectory, list[str]], photos: Path, tmp_path: Path
) -> None:
    model, _ = built
    network = model.path.parent / "net.keras"
    again = quantize.build(network, photos, tmp_path / "tiny", INFO, warn=lambda _: None)
    assert again.contract == model.contract


def test_logits_get_a_softmax(photos: Path, tmp_path: Path) -> None:
    model = quantize.build(tiny(activation=None), photos, tmp_path / "m", INFO, warn=lambda _: None)
    for picture, answer in model.golden():
        assert picture.shape == (SIZE, SIZE, 3)
        assert abs((answer.astype(int) + 128).sum() - 256) <= 3


def spoiled(value: float) -> Any:
    """A network after a training that diverged."""
    network = tiny()
    first = next(layer for layer in network.layers if layer.weights)
    kernel, *others = first.get_weights()
    first.set_weights([np.full_like(kernel, value), *others])
    return network


@pytest.mark.parametrize(
    ("network", "code", "words"),
    [
        (lambda: tiny(activation="sigmoid"), "model.quantization", "sigmoid"),
        (lambda: tiny(first=[keras.layers.Rescaling(1 / 255)]), "model.quantization", "Rescaling"),
        (lambda: tiny(channels=4), "model.quantization", "4"),
        (
            lambda: keras.Sequential([keras.Input((9,)), keras.layers.Dense(3)]),
            "model.quantization",
            "(None, 9)",
        ),
        (lambda: spoiled(0.0), "model.malformed", "all weights are zero"),
        (lambda: spoiled(np.nan), "model.malformed", "contain NaN or Inf"),
        (lambda: tiny(classes=4), "model.labels", "4 outputs but 3 labels"),
        (lambda: tiny(classes=1, activation=None), "model.quantization", "(None, 1)"),
    ],
)
def test_unsuitable_models_are_refused(
    photos: Path, tmp_path: Path, network: Any, code: str, words: str
) -> None:
    with pytest.raises(GalagoError) as caught:
        quantize.build(network(), photos, tmp_path / "m", INFO, warn=lambda _: None)
    assert caught.value.code == code
    assert words in caught.value.message
    assert not (tmp_path / "m").exists()


def test_unreadable_models_and_photos_are_refused(photos: Path, tmp_path: Path) -> None:
    junk, empty = tmp_path / "junk.keras", tmp_path / "empty"
    junk.write_bytes(b"PK\x03\x04 and no more")
    empty.mkdir()
    cases = [
        (tmp_path / "no.keras", photos, "model.missing"),
        (junk, photos, "model.malformed"),
        (tiny(), tmp_path / "none", "dataset.missing"),
        (tiny(), empty, "dataset.empty"),
    ]
    info = quantize.ModelInfo("m", labels=["a", "b", "c"])
    for network, folder, code in cases:
        with pytest.raises(GalagoError) as caught:
            quantize.build(network, folder, tmp_path / "m", info, warn=lambda _: None)
        assert caught.value.code == code
        assert "\n" not in caught.value.message


def test_the_command(photos: Path, tmp_path: Path) -> None:
    from galago.cli import app

    tiny().save(tmp_path / "net.h5")
    (tmp_path / "labels.txt").write_text("one\ntwo\n\nthree\n")
    arguments = [
        tmp_path / "net.h5",
        "--calibrate",
        photos,
        "-o",
        tmp_path / "out",
        "--labels",
        tmp_path / "labels.txt",
    ]
    result = CliRunner().invoke(app, ["quantize", *map(str, arguments), "--unknown-below", "0.3"])
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "out" / "model.json").read_text())
    assert written["name"] == "out"
    assert written["labels"] == ["one", "two", "three"]
    assert written["unknown_below"] == 0.3
