# SPDX-License-Identifier: MIT
"""The interpreter around the kernels: places of weights, memory, refusals, interruption, several models."""

import numpy as np
import pytest

from galago import models
from galago.resources import models_dir
from galago.tflite.tflm import Tflm
from support.builder import RELU, VALID, Builder

MODEL = models_dir() / "everyday-v1-025-96" / "model.tflite"

HEAD = """
import gc
from mobilenet.errors import GalagoError
from mobilenet.tflite import Interpreter

def error(code, *arguments, **options):
    try:
        Interpreter(*arguments, **options)
    except GalagoError as e:
        assert e.code == code, (e.code, e.message)
        assert "\\n" not in e.message
        return e.message
    raise AssertionError("not refused: " + code)
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> tuple[str, str, str]:
    """Paths of the shipped model, of a picture, and of the model's output for it."""
    folder = tmp_path_factory.mktemp("case")
    oracle = Tflm(MODEL.read_bytes())
    picture = np.random.default_rng(5).integers(-128, 128, oracle.input_shape).astype(np.int8)
    (folder / "picture").write_bytes(picture.tobytes())
    (folder / "answer").write_bytes(oracle.run(picture).tobytes())
    return str(MODEL), str(folder / "picture"), str(folder / "answer")


RUN = """
model, picture, answer = argv[:3]
def correct(net):
    with open(picture, "rb") as file:
        file.readinto(net.input)
    net.invoke()
    return bytes(net.output) == open(answer, "rb").read()
"""


@pytest.mark.parametrize("weights", ["ram", "stream"])
def test_weights_of_a_file(micropython, case, weights) -> None:
    script = HEAD + RUN + "net = Interpreter(model, weights=argv[3])\nprint(net.weights, correct(net))"
    assert micropython(script, *case, weights).split() == [weights, "True"]


def test_weights_of_a_buffer_and_of_romfs_stay_in_place(micropython, case, tmp_path) -> None:
    from mpremote.romfs import make_romfs  # type: ignore[import-not-found]

    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "model.tflite").write_bytes(MODEL.read_bytes())
    (tmp_path / "image").write_bytes(make_romfs(str(tmp_path / "tree"), mpy_cross=None))
    script = (
        HEAD
        + RUN
        + """
import vfs
vfs.mount(vfs.VfsRom(open(argv[3], "rb").read()), "/rom")
gc.collect()
before = gc.mem_alloc()
net = Interpreter("/rom/model.tflite")
gc.collect()
print(net.weights, correct(net), gc.mem_alloc() - before < net.arena_bytes + 64000)
net = Interpreter(open(model, "rb").read())
print(net.weights, correct(net))
for forced in "place", "ram", "stream":
    net = Interpreter("/rom/model.tflite", weights=forced)
    print(net.weights, correct(net))
"""
    )
    out = micropython(script, *case, tmp_path / "image")
    assert out == "place True True\nplace True\nplace True\nram True\nstream True\n"


def test_streams_in_the_heap_of_a_small_board(micropython, case) -> None:
    script = HEAD + RUN + "net = Interpreter(model)\nprint(net.weights, correct(net))"
    assert micropython(script, *case, heap="128wk").split() == ["stream", "True"]


def test_arena_bytes_is_exact(micropython, case) -> None:
    script = (
        HEAD
        + RUN
        + """
net = Interpreter(model)
need = net.arena_bytes
net.close()
print(correct(Interpreter(model, memory=need)))
print(error("memory.arena", model, memory=need - 16))
net = Interpreter(model, weights="stream")
need = net.arena_bytes
print(correct(Interpreter(model, weights="stream", memory=need)))
print(error("memory.arena", model, weights="stream", memory=need - 16))
"""
    )
    lines = micropython(script, *case).splitlines()
    assert lines[0] == lines[2] == "True"
    assert "are allowed" in lines[1]
    assert "are allowed" in lines[3]


def test_too_little_heap_is_an_error(micropython, case) -> None:
    script = HEAD + "print(error('memory.arena', argv[0]))"
    assert "in one piece" in micropython(script, *case, heap="64wk")


def test_impossible_arguments_are_errors(micropython, case) -> None:
    script = (
        HEAD
        + """
print(error("model.missing", "/nowhere/model.tflite"))
print(error("config.invalid", argv[0], weights="flash"))
print(error("config.invalid", open(argv[0], "rb").read(), weights="stream"))
print(error("model.malformed", b""))
print(error("model.malformed", b"not a model at all, but long enough"))
"""
    )
    assert len(micropython(script, *case).splitlines()) == 5


def refused() -> dict[str, bytes]:
    """The start of the expected message → a model."""
    models = {}

    def model(message: str, shape: tuple[int, ...] = (1, 8, 8, 3)):
        graph = Builder(shape)
        return graph, lambda output: models.update({message: graph.finish(output)})

    graph, end = model("layer 0: operator DEPTH_TO_SPACE is not supported")
    end(graph.operator("DEPTH_TO_SPACE", [graph.input], graph.computed((1, 4, 4, 3), (0.1, 0))))
    graph, end = model("layer 0 MEAN: a reduction over axes [1] is not supported")
    end(graph.mean(graph.input, axes=(1,)))
    graph, end = model("layer 0 AVERAGE_POOL_2D: batch 2 is not supported", (2, 8, 8, 3))
    end(graph.average(graph.input, (2, 2)))
    graph, end = model("input: tensor 0 has type uint8, expected int8")
    graph.graph.tensors[0].type = 3
    end(graph.average(graph.input, (2, 2)))
    graph, end = model("layer 0 AVERAGE_POOL_2D: tensor 1 has type float32, expected int8")
    y = graph.average(graph.input, (2, 2))
    graph.graph.tensors[y].type = 0
    end(y)
    return models


def test_what_the_engine_lacks_is_refused_by_name(micropython) -> None:
    script = """
from mobilenet import GalagoError
from mobilenet.tflite import Interpreter
for message, model in eval(argv[0]).items():
    try:
        Interpreter(model)
        print("not refused:", message)
    except GalagoError as error:
        code = "model.operator" if "supported" in message else "model.quantization"
        if error.code != code or not error.message.startswith(message) or error.message.count(": ") < 2:
            print("expected", code, message, "got", error.code, error.message)
print("done")
"""
    assert micropython(script, repr(refused())) == "done\n"


def test_interrupted_between_layers(micropython, case) -> None:
    script = (
        HEAD
        + RUN
        + """
net = Interpreter(model)
layers = []
def hook(layer, first, last):
    layers.append(layer)
    if layer == 7:
        raise KeyboardInterrupt
try:
    net.invoke(hook)
except KeyboardInterrupt:
    print(max(layers))
print(correct(net))
"""
    )
    assert micropython(script, *case).split() == ["7", "True"]


def test_two_alternate_and_nothing_leaks(micropython, case) -> None:
    small = Builder((1, 4, 4, 3))
    rng = np.random.default_rng(1)
    weights = rng.integers(-127, 128, (5, 3, 3, 3)).astype(np.int8)
    y = small.conv(small.input, weights, None, [0.01], padding=VALID, activation=RELU, out=(0.1, -128))
    model = small.finish(y)
    picture = rng.integers(-128, 128, (1, 4, 4, 3)).astype(np.int8)
    script = (
        HEAD
        + RUN
        + f"""
small = Interpreter({model!r})
expected = {Tflm(model).run(picture).tobytes()!r}
large = Interpreter(model)
used = [0] * 40
for i in range(1000):
    small.input[:] = {picture.tobytes()!r}
    small.invoke()
    assert bytes(small.output) == expected
    if i % 50 == 0:
        assert correct(large)
        gc.collect()
        used[i // 50] = gc.mem_alloc()
print(used[2] == used[19], "no leak")
for i in range(20):
    large.close()
    large = Interpreter(model)
    gc.collect()
    used[20 + i] = gc.mem_alloc()
print(used[21] == used[39], "no leak")
"""
    )
    assert micropython(script, *case).splitlines() == ["True no leak", "True no leak"]


def test_macs(micropython, case) -> None:
    counted = micropython(HEAD + "print(Interpreter(argv[0]).macs)", *case)
    assert int(counted) == models.find("everyday-v1-025-96").contract["macs"]
