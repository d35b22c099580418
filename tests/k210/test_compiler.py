# SPDX-License-Identifier: MIT
"""Compiled networks on the simulated KPU against TensorFlow Lite Micro, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from drawn import RELU, VALID, Drawn

from galago import dataset, models, pictures
from galago.errors import GalagoError
from galago.targets.k210 import kpu, memory
from galago.targets.k210.compiler import Compiled, compile_model
from galago.targets.k210.conv import Conv
from galago.targets.k210.convolution import Kernel, build
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.layers import QuantizedMaxPool, Softmax
from galago.targets.k210.memory import Buffer, Spot, Step
from galago.targets.k210.simulator import Simulator
from galago.tflite.graph import Graph
from galago.tflite.tflm import Tflm


def run(compiled: Compiled, pixels: np.ndarray, rounding: kpu.Rounding = "up") -> list[np.ndarray]:
    """The result of every layer for int8 pixels [height, width, channels], from the file as written."""
    model = Kmodel.read(compiled.model.write())
    planes = (pixels.view(np.uint8) ^ 128).transpose(2, 0, 1)
    planes = planes[:, ::-1, ::-1] if compiled.rotated else planes
    results: list[np.ndarray] = []
    Simulator(model, rounding).run(np.ascontiguousarray(planes), lambda _, __, result: results.append(result))
    return results


def logits(data: bytes, compiled: Compiled, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the simulated KPU, rounded to TFLite's steps, and of TFLM; int."""
    graph = Graph.read(data)
    softmax = graph.operators[-1]
    assert softmax.kind == "SOFTMAX"
    tensor = softmax.inputs[0]
    wanted = Tflm(data).tensors(pixels)
    if tensor not in wanted or graph.operators[-2].kind == "RESHAPE":
        tensor = graph.operators[-2].inputs[0]
    scale, zero = graph.tensors[tensor].scale, graph.tensors[tensor].zero_point
    got = np.rint(run(compiled, pixels)[-2].ravel() / scale).astype(int) + zero
    return got, wanted[tensor].ravel().astype(int)


def noise(seed: int, size: int, channels: int = 3) -> np.ndarray:
    """A picture of coarse blobs, int8."""
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(-128, 128, (size // 4, size // 4, channels)), np.ones((4, 4, 1))).astype(
        np.int8
    )


def version_1(rng: np.random.Generator) -> Drawn:
    """MobileNet V1 in small, its size, widths and depth drawn."""
    net = Drawn(rng, size=int(rng.choice([32, 48, 64, 80])), channels=int(rng.choice([1, 3])))
    net.conv(8 * int(rng.integers(1, 4)), stride=2)
    for stride in (1, 2, 1, 2):
        net.depthwise(stride=stride)
        net.conv(8 * int(rng.integers(1, 6)), kernel=1)
    net.head(int(rng.integers(2, 20)), hidden=int(rng.choice([0, 16])))
    return net


def version_2(rng: np.random.Generator, size: int = 0, strides: tuple[int, ...] = (2, 1, 1)) -> Drawn:
    """MobileNet V2 in small, with residual additions."""
    net = Drawn(rng, size=size or int(rng.choice([32, 64, 96])))
    net.conv(16, stride=2)
    net.depthwise()
    x = net.conv(8, kernel=1, activation=0)
    for stride in strides:
        channels = net.builder.shape(x)[3]
        net.conv(6 * channels, kernel=1)
        net.depthwise(stride=stride)
        y = net.conv(channels if stride == 1 else 8, kernel=1, activation=0)
        x = net.add(x, y) if stride == 1 else y
    net.conv(64, kernel=1)
    net.head(10)
    return net


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", [version_1, version_2])
def test_random_networks_answer_as_tflm(kind, seed: int) -> None:
    net = kind(np.random.default_rng(seed))
    data = net.finish()
    size, channels = net.builder.shape(net.builder.input)[2:]
    got, wanted = logits(data, compile_model(data), noise(seed, size, channels))
    assert wanted.std() > 10, "the network says nothing"
    assert np.array_equal(got, wanted)


@pytest.mark.parametrize("seed", range(4))
def test_maps_below_4x4_answer_as_tflm(seed: int) -> None:
    """24 pixels become 3x3, with depthwise layers and an addition there."""
    data = version_2(np.random.default_rng(seed), size=24, strides=(2, 2, 1)).finish()
    compiled = compile_model(data)
    assert sum(isinstance(layer, QuantizedMaxPool) for layer in compiled.model.layers) == 4
    got, wanted = logits(data, compiled, noise(seed, 24))
    assert np.array_equal(got, wanted)


def test_layers_of_a_network_equal_tflm() -> None:
    """Convolutions one after another, byte for byte."""
    net = version_2(np.random.default_rng(11))
    data = net.finish()
    size = net.builder.shape(net.builder.input)[2]
    graph, compiled = Graph.read(data), compile_model(data)
    pixels = noise(5, size)
    results, wanted = run(compiled, pixels), Tflm(data).tensors(pixels)
    compared = 0
    for number, operator in enumerate(graph.operators[:4]):
        map_wanted = wanted[operator.output][0].astype(int) + 128
        map_got = results[number].transpose(1, 2, 0)[::-1, ::-1].astype(int)
        assert np.array_equal(map_got, map_wanted), str(operator)
        compared += map_got.size
    assert compared > 10_000


def test_both_rounding_rules_give_the_same_bytes() -> None:
    net = version_2(np.random.default_rng(7))
    data = net.finish()
    compiled = compile_model(data)
    pixels = noise(1, net.builder.shape(net.builder.input)[2])
    for up, even in zip(run(compiled, pixels, "up"), run(compiled, pixels, "even"), strict=True):
        assert np.array_equal(up, even)


def test_the_shipped_model_answers_as_tflm(data: Path) -> None:
    """Its head is a dense layer and a softmax twice: 348 kinds of things, of which 20 classes are made."""
    tflite = models.find("everyday-v1-025-96").tflite.read_bytes()
    compiled, oracle = compile_model(tflite), Tflm(tflite)
    photos = dataset.listed(data / "images" / "imagenet_val650").paths[::50]
    same = 0
    for photo in photos:
        pixels = pictures.to_input(pictures.load(photo), 96, 96, 3)
        scores, wanted = run(compiled, pixels)[-1].ravel(), oracle.run(pixels).ravel() / 256 + 0.5
        same += wanted[scores.argmax()] == wanted.max()
        assert abs(scores - wanted).max() < 0.15
    assert same >= len(photos) - 1


@pytest.mark.parametrize("name", ["vww_96_int8", "person_detect"])
def test_known_models_answer_as_tflm(data: Path, name: str) -> None:
    """Of other makers: AVERAGE_POOL_2D, and a first layer that is depthwise, with eight outputs."""
    tflite = (data / "weights" / f"{name}.tflite").read_bytes()
    compiled = compile_model(tflite)
    channels = compiled.model.layers[0].registers.i_ch_num  # type: ignore[attr-defined]
    for photo in ("person.bmp", "no_person.bmp"):
        pixels = pictures.to_input(pictures.load(data / "weights" / photo), 96, 96, channels)
        got, wanted = logits(tflite, compiled, pixels)
        assert got.argmax() == wanted.argmax()
        assert np.array_equal(got, wanted)


def test_mobilenet_075_is_as_large_as_sipeeds(data: Path) -> None:
    """The same architecture as the vendor's compiler made it: file size and main RAM, to the byte."""
    real = (data / "kmodels" / "mbnet75.kmodel").read_bytes()
    net = Drawn(np.random.default_rng(0), size=224)
    net.conv(24, stride=2)
    widths = [48, 96, 96, 192, 192, 384, 384, 384, 384, 384, 384, 768, 768]
    for number, width in enumerate(widths):
        net.depthwise(stride=2 if number in (1, 3, 5, 11) else 1)
        net.conv(width, kernel=1)
    net.head(1000)
    model = compile_model(net.finish()).model
    assert len(model.write()) == len(real)
    assert model.main_bytes == Kmodel.read(real).main_bytes
    vendors = [type(layer).__name__ for layer in Kmodel.read(real).layers]
    assert [type(layer).__name__ for layer in model.layers] == vendors


def test_a_first_block_too_large_is_cut_into_slices() -> None:
    """96 channels at 112x112, as in MobileNetV2 1.0 at 224, are 2.7 MiB, the KPU has 2."""
    net = Drawn(np.random.default_rng(2), size=224)
    net.conv(16, stride=2)
    net.conv(96, kernel=1)
    net.depthwise(stride=2)
    net.conv(8, kernel=1, activation=0)
    net.head(4)
    data = net.finish()
    compiled = compile_model(data)
    assert compiled.kpu_lines <= 32768
    assert sum(isinstance(layer, Conv) for layer in compiled.model.layers) == 1 + 4 * 3 + 1 + 1
    got, wanted = logits(data, compiled, noise(3, 224))
    assert np.array_equal(got, wanted)


@pytest.mark.parametrize("features", [1024, 1280, 1296])
def test_more_features_than_a_layer_has_channels(features: int) -> None:
    """1296 are a multiple of nine, the pixels that a kernel sees at once, 1280 are not."""
    net = Drawn(np.random.default_rng(4), size=16)
    net.conv(16, stride=2)
    net.conv(features, kernel=1)
    net.head(30, hidden=40)
    data = net.finish()
    for head in ("kpu", "cpu"):
        got, wanted = logits(data, compile_model(data, head), noise(4, 16))
        assert wanted.std() > 10
        if head == "kpu":
            assert np.array_equal(got, wanted)
        else:  # float between its layers
            assert abs(got - wanted).max() <= 2
            assert abs(got - wanted).mean() < 0.7


@pytest.mark.parametrize("size", [16, 32, 80])
def test_projections_are_cut_into_layers(size: int) -> None:
    """64 channels without activation, four layers with four tables; a sum shows that all is in place."""
    net = Drawn(np.random.default_rng(size), size=size)
    net.conv(16, stride=2)
    x = net.conv(64, kernel=1, activation=0)
    net.conv(32, kernel=1)
    y = net.conv(64, kernel=1, activation=0)
    net.add(x, y)
    net.conv(24, kernel=1)
    net.head(6)
    data = net.finish()
    compiled = compile_model(data)
    assert [name.split()[1] for name in compiled.names[:11]] == [
        str(n) for n in (0, 1, 1, 1, 1, 2, 3, 3, 3, 3, 4)
    ]
    got, wanted = logits(data, compiled, noise(size, size))
    assert wanted.std() > 10
    assert np.array_equal(got, wanted)


@pytest.mark.parametrize("size", [16, 20, 40, 72])
def test_sums_may_be_pooled(size: int) -> None:
    """An addition treats lines of KPU RAM as wide maps; main RAM gets the pixels in their order."""
    net = Drawn(np.random.default_rng(size), size=size)
    x = net.conv(12)
    y = net.conv(12, activation=0)
    net.add(x, y)
    net.head(6)
    data = net.finish()
    got, wanted = logits(data, compile_model(data), noise(size, size))
    assert wanted.std() > 10
    assert abs(got - wanted).max() <= 1  # of means below the zero point halves are rounded up, too


def test_padding_all_around_needs_no_rotation() -> None:
    """ZeroPadding2D(1) and 'valid', as PyTorch pads; and (0, 1) with 'valid', which is 'same'."""
    for pads, rotated in (((1, 1), False), ((0, 1), True)):
        net = Drawn(np.random.default_rng(6), size=32)
        net.last = net.builder.pad(net.last, [(0, 0), pads, pads, (0, 0)])
        net.conv(8, stride=2, padding=VALID)
        net.conv(16, kernel=1)
        net.head(5)
        data = net.finish()
        compiled = compile_model(data)
        assert compiled.rotated == rotated
        got, wanted = logits(data, compiled, noise(6, 32))
        assert np.array_equal(got, wanted)


def refused(change) -> tuple[str, str]:
    net = Drawn(np.random.default_rng(0), size=32)
    change(net)
    with pytest.raises(GalagoError) as caught:
        compile_model(net.finish())
    return caught.value.code, caught.value.message


def simple(*layers):
    """A change that adds layers, then a head."""

    def change(net: Drawn) -> None:
        for name, *arguments, options in layers:
            getattr(net, name)(*arguments, **options)
        net.head(3)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (simple(("conv", 8, {"kernel": 5})), "layer 0 (CONV_2D t1) has a kernel of 5x5"),
        (simple(("conv", 8, {"dilation": 2})), "layer 0 (CONV_2D t1) has a dilation"),
        (simple(("conv", 8, {"padding": VALID})), "layer 0 (CONV_2D t1) pads"),
        (simple(("conv", 8, {}), ("conv", 8, {"kernel": 1, "stride": 2})), "is 1x1 with stride 2"),
        (simple(("conv", 8, {}), ("depthwise", {"stride": 2}), ("depthwise", {})), "follows a depthwise"),
        (simple(("conv", 8, {}), ("depthwise", {"stride": 2})), "is no global pooling"),
        (simple(("conv", 2100, {"kernel": 1})), "has 2100 channels"),
        (lambda net: net.conv(8), "does not end in a classifier"),
    ],
)
def test_what_cannot_be_mapped_is_refused_by_name(change, words: str) -> None:
    code, message = refused(change)
    assert code == "model.operator"
    assert words in message
    assert ": " in message.split(words)[1] or message.endswith("head"), "no next step"


def test_mixed_paddings_are_refused() -> None:
    def change(net: Drawn) -> None:
        net.conv(8, stride=2)
        net.last = net.builder.pad(net.last, [(0, 0), (1, 1), (1, 1), (0, 0)])
        net.conv(8, stride=2, padding=VALID)
        net.head(3)

    assert "pads at the end" in refused(change)[1]


def test_too_large_a_map_is_refused_with_its_bytes() -> None:
    net = Drawn(np.random.default_rng(0), size=256)
    net.conv(64)
    net.head(3)
    with pytest.raises(GalagoError, match=r"CONV_2D t1\) wants 4,.* the K210 has 2,097,152") as caught:
        compile_model(net.finish())
    assert caught.value.code == "memory.kpu"


def test_broken_files_are_refused() -> None:
    """Cut, or some bytes changed: an error that says so, or a model."""
    good = version_1(np.random.default_rng(0)).finish()
    rng = np.random.default_rng(1)
    for length in [0, 3, 8, 40, *rng.integers(0, len(good) // 2, 20).tolist()]:
        with pytest.raises(GalagoError) as caught:
            compile_model(good[:length])
        assert caught.value.code == "model.malformed"
    refused = 0
    for _ in range(300):
        broken = bytearray(good)
        for at in rng.integers(0, len(broken), 3):
            broken[at] = int(rng.choice([0, 1, 127, 128, 255]))
        try:
            compile_model(bytes(broken))
        except GalagoError:
            refused += 1
    assert refused > 20


def test_graphs_that_do_not_fit_together_are_refused() -> None:
    """Files that are well formed, with a shape, an input, a kind or the options of an operator changed."""
    rng = np.random.default_rng(5)
    codes = []
    for _ in range(150):
        net = version_2(np.random.default_rng(3))
        graph = net.builder.graph
        tensor = graph.tensors[int(rng.integers(len(graph.tensors)))]
        operator = graph.operators[int(rng.integers(len(graph.operators)))]
        match int(rng.integers(5)):
            case 0:
                tensor.shape[int(rng.integers(len(tensor.shape)))] = int(rng.choice([0, 1, 2, -1, 1000]))
            case 1:
                tensor.shape = tensor.shape[:-1]
            case 2:
                operator.inputs[int(rng.integers(len(operator.inputs)))] = int(
                    rng.integers(-1, len(graph.tensors))
                )
            case 3:
                operator.opcodeIndex = int(rng.integers(len(net.builder.model.operatorCodes)))
            case 4:
                operator.builtinOptions, operator.builtinOptionsType = None, 0
        try:
            compile_model(net.finish())
        except GalagoError as error:
            codes.append(error.code)
    assert len(codes) > 75
    assert set(codes) <= {"model.malformed", "model.operator"}


def test_stride_two_by_rotation_is_exact() -> None:
    """A depthwise layer alone: stride 1 on the rotated map, then every even pixel, rotated back."""
    net = Drawn(np.random.default_rng(8), size=24)
    net.conv(4)
    net.depthwise(stride=2, activation=RELU)
    net.conv(4, kernel=1)
    net.head(3)
    data = net.finish()
    graph, pixels = Graph.read(data), noise(8, 24)
    wanted = Tflm(data).tensors(pixels)
    first, second = (wanted[operator.output][0].view(np.uint8) ^ 128 for operator in graph.operators[:2])
    kernel = Kernel.of(graph, graph.operators[1]).rotated()
    conv = build(kernel, (24, 24), graph.tensors[graph.operators[1].inputs[0]].zero_point + 128)
    full = kpu.run(conv, np.ascontiguousarray(first.transpose(2, 0, 1)[:, ::-1, ::-1]))
    kept = full[:, ::2, ::2][:, ::-1, ::-1].transpose(1, 2, 0)
    assert np.array_equal(kept, second)


def test_planned_buffers_never_overlap_while_they_live() -> None:
    rng = np.random.default_rng(9)
    for _ in range(50):
        buffers = [Buffer("main", int(rng.integers(1, 5000))) for _ in range(12)]
        steps = []
        for _ in range(20):
            a, b = rng.choice(12, 2, replace=False)
            steps.append(Step(Softmax(), {"input": Spot(buffers[a]), "output": Spot(buffers[b], 3)}))
        kept = steps[-1].spots["output"].buffer
        used = memory.plan(steps, [kept])["main"]
        lives = {}
        for number, step in enumerate(steps):
            for name, spot in step.spots.items():
                assert getattr(step.layer, name) == spot.buffer.address + spot.offset
                lives.setdefault(spot.buffer, []).append(number)
        lives[kept].append(len(steps))
        for one, mine in lives.items():
            assert one.address % 8 == 0
            assert one.address + one.size <= used
            for other, its in lives.items():
                apart = one.address + one.size <= other.address or other.address + other.size <= one.address
                assert one is other or apart or mine[0] > its[-1] or its[0] > mine[-1]
