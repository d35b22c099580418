# SPDX-License-Identifier: MIT
"""The .tmdl that flashing makes: read back and run, it answers as TensorFlow Lite Micro does.

The simulator was compared, bit for bit, with emlearn's own x64 module (0.10.1) on the real interpreter.
"""

import struct
from pathlib import Path

import numpy as np
import pytest

from galago import boards, models, pictures
from galago.errors import GalagoError
from galago.models.golden import pattern
from galago.runtimes import emlearn
from galago.targets.tinymaix import simulator, tmdl
from galago.targets.tinymaix.converter import convert
from galago.targets.tinymaix.tmdl import Tmdl, TmdlLayer
from galago.tflite.tflm import Tflm
from support.builder import RELU6, VALID, Builder


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def differences(tflite: bytes, inputs: list[np.ndarray], model: Tmdl | None = None) -> list[float]:
    """The largest difference of a probability from TFLM's, in 1/256, for each input."""
    oracle = Tflm(tflite)
    model = model or Tmdl.read(convert(tflite).write())
    output = oracle.output_details
    steps = []
    for tensor in inputs:
        expected = (oracle.run(tensor).ravel().astype(float) - output["zero_point"]) * output["scale"]
        pixels = (tensor.astype(np.int16) + 128).astype(np.uint8)
        steps.append(float(256 * abs(softmax(simulator.run(model, pixels)) - expected).max()))
    return steps


def small(channels: int = 16, seed: int = 1) -> bytes:
    """Every kind of layer: strides, SAME and explicit padding, a residual sum, `channels` of depthwise."""
    random = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return random.integers(-127, 128, shape, dtype=np.int8)

    def scales(count: int, inputs: int) -> np.ndarray:
        return random.uniform(0.5, 1.5, count) / (60 * np.sqrt(inputs))

    def biases(count: int) -> np.ndarray:
        return random.integers(-500, 500, count).astype(np.int32)

    graph, act = Builder((1, 15, 17, 3)), {"activation": RELU6, "out": (6 / 255, -128)}
    x = graph.conv(graph.input, weights(16, 3, 3, 3), biases(16), scales(16, 27), stride=(2, 2), **act)
    x = graph.conv(x, weights(channels, 1, 1, 16), biases(channels), scales(channels, 16), **act)
    kept = x
    x = graph.depthwise(x, weights(1, 3, 3, channels), biases(channels), scales(channels, 9), **act)
    x = graph.add(x, kept, out=(12 / 255, -128))
    x = graph.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)])
    x = graph.depthwise(
        x, weights(1, 3, 3, channels), None, scales(channels, 9), stride=(2, 2), padding=VALID, **act
    )
    x = graph.mean(x, out=(6 / 255, -128))
    x = graph.dense(x, weights(5, channels), biases(5), scales(5, 3 * channels), out=(0.08, 10))
    return graph.finish(graph.softmax(x))


@pytest.fixture(scope="module")
def file(model: models.ModelDirectory) -> bytes:
    return convert(model.tflite.read_bytes()).write()


def test_golden_answers_are_close_to_tflm(model: models.ModelDirectory) -> None:
    """Differences in 1/256; two of the pictures are noise, where little decides an answer."""
    inputs = [picture for picture, _ in model.golden()]
    _, flashed = emlearn.files(model, boards.load("RPI_PICO2"))["tmdl"]
    assert max(differences(model.tflite.read_bytes(), inputs, Tmdl.read(flashed))) <= 40


def test_visual_wake_words_is_close_to_tflm(data: Path) -> None:
    tflite = (data / "weights" / "vww_96_int8.tflite").read_bytes()
    inputs = [pattern(number, (96, 96, 3)) for number in range(4)]
    assert max(differences(tflite, inputs)) <= 40


@pytest.mark.parametrize("seed", range(6))
def test_every_kind_of_layer(seed: int) -> None:
    random = np.random.default_rng(100 + seed)
    inputs = [random.integers(-128, 128, (15, 17, 3), dtype=np.int8) for _ in range(5)]
    assert max(differences(small(seed=seed), inputs)) <= 24


def test_corrected_biases_bring_it_nearer(data: Path) -> None:
    """Answers with and without the biases that flashing corrects; photos without flowers are close calls."""
    model = models.find("flowers-v1-025-96")
    tflite = model.tflite.read_bytes()
    paths = sorted((data / "images" / "imagenet_val650").glob("*.JPEG"))[:60]
    inputs = [pictures.to_input(pictures.load(path), *model.input_shape, "crop") for path in paths]
    ((_, flashed),) = emlearn.files(model, boards.load("RPI_PICO2")).values()
    plain = np.mean(differences(tflite, inputs))
    corrected = np.mean(differences(tflite, inputs, Tmdl.read(flashed)))
    print(f"on average {plain:.1f} of 256 apart, with corrected biases {corrected:.1f}")
    assert corrected < 0.8 * plain


def test_where_the_differences_come_from(
    data: Path, model: models.ModelDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part by part, TinyMaix's arithmetic becomes that of TensorFlow Lite Micro.

    First convolutions round, then the softmax within the network, which has 127 steps there, is exact.
    """
    tflite = model.tflite.read_bytes()
    paths = sorted((data / "images" / "imagenet_val650").glob("*.JPEG"))[:100]
    inputs = [pictures.to_input(pictures.load(path), *model.input_shape, "crop") for path in paths]
    oracle = Tflm(tflite)
    expected = [int(oracle.run(picture).argmax()) for picture in inputs]

    def count(what: str, model: Tmdl) -> int:
        answers = [simulator.run(model, picture.view(np.uint8) ^ 128).argmax() for picture in inputs]
        same = int((np.array(answers) == expected).sum())
        print(f"{what}: best class as TensorFlow Lite Micro's on {same} of {len(inputs)}")
        return same

    def rounded(layer: TmdlLayer, x: np.ndarray, buffer: np.ndarray) -> np.ndarray:
        with monkeypatch.context() as patch:
            patch.setattr(
                simulator, "_to_int8", lambda values: np.rint(values).clip(-128, 127).astype(np.int8)
            )
            return simulator._convolve(layer, x, buffer)

    def exact(layer: TmdlLayer, x: np.ndarray, buffer: np.ndarray) -> np.ndarray:
        probabilities = softmax((x.ravel().astype(int) - layer.input_zero_point) * layer.input_scale)
        return np.rint(probabilities / layer.output_scale + layer.output_zero_point).astype(np.int8)

    ((_, flashed),) = emlearn.files(model, boards.load("RPI_PICO2")).values()
    plain = convert(tflite)
    counts = [count("as it is", plain), count("corrected biases", Tmdl.read(flashed))]
    monkeypatch.setitem(simulator._COMPUTE, tmdl.CONV, rounded)
    monkeypatch.setitem(simulator._COMPUTE, tmdl.DEPTHWISE, rounded)
    counts.append(count("if convolutions rounded", plain))
    monkeypatch.setitem(simulator._COMPUTE, tmdl.SOFTMAX, exact)
    counts.append(count("and the softmax within the network too", plain))
    assert counts == sorted(counts)
    assert counts[-1] >= 96


def test_a_file_is_as_long_as_its_buffer(file: bytes) -> None:
    """emlearn allocates a buffer of the file's size without checking."""
    assert len(file) >= Tmdl.read(file).buffer_bytes


def test_reading_restores_what_was_written(model: models.ModelDirectory, file: bytes) -> None:
    expected, got = convert(model.tflite.read_bytes()), Tmdl.read(file)
    assert (got.input_shape, got.outputs) == (expected.input_shape, expected.outputs)
    for one, other in zip(expected.layers, got.layers, strict=True):
        assert (one.kind, one.input, one.output, one.stride, one.pad, one.kernel) == (
            other.kind,
            other.input,
            other.output,
            other.stride,
            other.pad,
            other.kernel,
        )
        assert np.array_equal(one.weights, other.weights)
        assert np.array_equal(one.biases, other.biases)


def test_maps_that_are_live_at_the_same_time_do_not_overlap(file: bytes) -> None:
    for layer in Tmdl.read(file).layers:
        taken = layer.input, layer.input + int(np.prod(layer.input_shape))
        assert layer.output >= taken[1] or layer.output + layer.output_bytes <= taken[0]


@pytest.mark.parametrize("size", [0, 10, 64, 100, 5000])
def test_a_file_that_ends_early_is_refused(file: bytes, size: int) -> None:
    with pytest.raises(GalagoError) as caught:
        Tmdl.read(file[:size])
    assert caught.value.code == "model.malformed"


def test_damaged_headers_are_read_or_refused(file: bytes) -> None:
    """Headers with random bytes are read or refused; nothing else happens."""
    random = np.random.default_rng(7)
    heads = [64 + i for i in range(80)]
    for _ in range(300):
        damaged = bytearray(file)
        for at in random.choice(heads, 3):
            damaged[at] = int(random.integers(256))
        try:
            Tmdl.read(bytes(damaged))
        except GalagoError as error:
            assert error.code == "model.malformed"  # noqa: PT017


def test_a_model_that_overruns_emlearn_s_memory_is_refused() -> None:
    """256 channels of a 3x3 depthwise layer fit into its window, 257 do not; emlearn does not check."""
    assert tmdl.MAX_WINDOW == 9 * 256
    with pytest.raises(GalagoError, match=r"needs 2,313 bytes at once, emlearn has 2,304"):
        convert(small(257))
    convert(small(256))


def test_another_input_quantization_is_refused(model: models.ModelDirectory) -> None:
    brighter = {"transform": [[65536, -(100 << 16)]] * 3}
    contract = model.contract | {"input": model.contract["input"] | brighter}
    other = models.ModelDirectory(model.path, contract)
    with pytest.raises(GalagoError, match="pixel - 128") as caught:
        emlearn.files(other, boards.load("RPI_PICO2"))
    assert caught.value.code == "backend.refused"


def test_the_header_is_laid_out_as_in_tinymaix_h(file: bytes) -> None:
    """Offsets of tinymaix.h: magic, type, floats out, counts, size of the buffer, shapes; then layers."""
    assert file[:4] == b"MAIX"
    assert file[4:6] == b"\0\1"
    assert struct.unpack_from("<HH", file, 6) == (1, 1)
    assert struct.unpack_from("<4H4H", file, 20) == (3, 96, 96, 3, 1, 1, 1, 20)
    kind, last, size = struct.unpack_from("<HHI", file, 64)
    assert (kind, last, size % 8) == (tmdl.CONV, 0, 0)


def test_a_model_that_this_arithmetic_gets_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits without enough range wrap around, as they do in a large model."""
    model = models.find("flowers-v1-025-96")
    monkeypatch.setattr(
        "galago.targets.tinymaix.converter._widened", lambda scale, zero, below=0.0: (scale / 8, zero)
    )
    emlearn._tmdl.cache_clear()
    with pytest.raises(GalagoError, match="of 256 off on average") as caught:
        emlearn.files(model, boards.load("RPI_PICO2"))
    assert caught.value.code == "backend.refused"
