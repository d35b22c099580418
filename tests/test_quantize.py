# SPDX-License-Identifier: MIT
"""Quantization makes exactly the contract, equals TensorFlow Lite Micro, and refuses what cannot keep it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from galago import models, pictures
from galago.errors import GalagoError
from galago.tflite.tflm import Tflm

keras = pytest.importorskip("keras", reason="needs the extra `train`")

from galago import quantize  # noqa: E402  (imports TensorFlow only when it runs)

SIZE = 16


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
    """Twelve photos of three classes, none black or white, and one that is no picture."""
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
    """A .keras file through the whole of it, and what was warned of."""
    folder = tmp_path_factory.mktemp("model")
    tiny().save(folder / "net.keras")
    warned: list[str] = []
    model = quantize.build(
        folder / "net.keras", photos, folder / "tiny", name="tiny", warn=warned.append, keep_float=True
    )
    return model, warned


def test_the_float_model_and_the_photos_are_kept_on_request(
    built: tuple[models.ModelDirectory, list[str]],
) -> None:
    """Compilers that quantize by themselves, as nncase for the K230 does, want those."""
    model, _ = built
    tensorflow, network = quantize.lazy_tensorflow.tensorflow(), tiny()
    pixels = np.load(model.path / "calibration.npy")
    assert (pixels.shape, pixels.dtype) == ((14, SIZE, SIZE, 3), np.uint8)
    reader = tensorflow.lite.Interpreter(model_path=str(model.path / "float.tflite"))
    reader.allocate_tensors()
    (given,), (answer,) = reader.get_input_details(), reader.get_output_details()
    for picture in (pixels[5:6].astype(np.float32) - 128) / 128, (pixels[:1].astype(np.float32) - 128) / 128:
        reader.set_tensor(given["index"], picture)
        reader.invoke()
        expected = network(picture, training=False).numpy()
        assert np.allclose(reader.get_tensor(answer["index"]), expected, atol=1e-5)


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


def test_the_file_says_the_same(built: tuple[models.ModelDirectory, list[str]]) -> None:
    """TensorFlow's own interpreter reads the quantization: int8, 1/128, per-channel symmetric weights."""
    tensorflow = quantize.lazy_tensorflow.tensorflow()
    reader = tensorflow.lite.Interpreter(model_content=built[0].tflite.read_bytes())
    (given,), (answer,) = reader.get_input_details(), reader.get_output_details()
    assert given["quantization"] == (1 / 128, 0)
    assert answer["quantization"] == (1 / 256, -128)
    assert given["dtype"] == answer["dtype"] == np.int8
    assert given["shape"].tolist() == [1, SIZE, SIZE, 3]
    channels = [
        len(t["quantization_parameters"]["scales"])
        for t in reader.get_tensor_details()
        if t["dtype"] == np.int8 and len(t["shape"]) == 4 and len(t["quantization_parameters"]["scales"]) > 1
    ]
    assert sorted(channels) == [8, 8, 16]


def test_golden_outputs_are_those_of_tflm(built: tuple[models.ModelDirectory, list[str]]) -> None:
    model, _ = built
    oracle = Tflm(model.tflite.read_bytes())
    golden = list(model.golden())
    assert len(golden) == len(quantize.GOLDEN)
    for given, wanted in golden:
        assert oracle.run(given).ravel().tolist() == wanted.tolist()
    assert len({tuple(wanted.tolist()) for _, wanted in golden}) > 1


def test_int8_follows_keras(built: tuple[models.ModelDirectory, list[str]], photos: Path) -> None:
    model, _ = built
    oracle, network = Tflm(model.tflite.read_bytes()), tiny()
    for path in sorted(photos.rglob("*.png")):
        pixels = pictures.resize(pictures.load(path), SIZE, SIZE)
        float32 = network.predict((pixels[None].astype(np.float32) - 128) / 128, verbose=0)[0]
        int8 = (oracle.run((pixels ^ 128).view(np.int8)).ravel().astype(int) + 128) / 256
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
    again = quantize.build(network, photos, tmp_path / "tiny", name="tiny", warn=lambda _: None)
    assert again.contract == model.contract


def test_logits_get_a_softmax(photos: Path, tmp_path: Path) -> None:
    model = quantize.build(tiny(activation=None), photos, tmp_path / "m", name="m", warn=lambda _: None)
    for given, answer in model.golden():
        assert given.shape == (SIZE, SIZE, 3)
        assert abs((answer.astype(int) + 128).sum() - 256) <= 3


def spoiled(value: float) -> Any:
    """What a training leaves that went astray."""
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
        (lambda: spoiled(np.nan), "model.malformed", "no numbers"),
        (lambda: tiny(classes=4), "model.labels", "4 outputs but 3 labels"),
        (lambda: tiny(classes=1, activation=None), "model.quantization", "(None, 1)"),
    ],
)
def test_what_cannot_keep_the_contract_is_refused(
    photos: Path, tmp_path: Path, network: Any, code: str, words: str
) -> None:
    with pytest.raises(GalagoError) as caught:
        quantize.build(network(), photos, tmp_path / "m", name="m", warn=lambda _: None)
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
    for network, folder, code in cases:
        with pytest.raises(GalagoError) as caught:
            quantize.build(
                network, folder, tmp_path / "m", name="m", labels=["a", "b", "c"], warn=lambda _: None
            )
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
