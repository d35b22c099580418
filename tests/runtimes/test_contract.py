# SPDX-License-Identifier: MIT
"""The contract of all backends: whatever runs the model, a classifier sees the same interface."""

import numpy as np
import pytest
from runtime_bench import RUNTIMES, Bench

from galago import boards, models
from galago.runtimes import canmv_k230, emlearn
from galago.targets import k230
from galago.targets.tinymaix import simulator
from galago.targets.tinymaix.tmdl import Tmdl

LOAD = """
import gc
from mobilenet import backends
from mobilenet.backends.golden import fill
from mobilenet.model import Model
model = Model(PATH)
def answer(backend, pattern):
    fill(pattern, backend.input)
    scores = backend.invoke()
    return [backend.confidence(scores[i]) for i in range(backend.outputs)]
"""


@pytest.fixture(params=[*RUNTIMES, "builtin", "canmv_k230"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def subject(name: str, request: pytest.FixtureRequest) -> tuple[Bench, models.ModelDirectory]:
    """A board with that runtime, and the model on it."""
    prefix = "k230_" if name == "canmv_k230" else ""
    return request.getfixturevalue(f"{prefix}bench"), request.getfixturevalue(f"{prefix}model")


def golden_answers(model: models.ModelDirectory, name: str) -> list[np.ndarray]:
    """Returns the probabilities of the golden pictures, by TFLM or by the runtime's own arithmetic."""
    pixels = np.stack([picture.view(np.uint8) ^ 128 for picture, _ in model.golden()])
    if name == "canmv_k230":
        return list(k230.simulate(canmv_k230.kmodel(model), pixels))
    if name == "emlearn":
        ((_, tmdl),) = emlearn.files(model, boards.load("RPI_PICO2")).values()
        scores = np.stack([simulator.run(Tmdl.read(tmdl), each) for each in pixels]).astype(float)
        powers = np.exp(scores - scores.max(1, keepdims=True))
        return list(powers / powers.sum(1, keepdims=True))
    return [(expected.astype(int) + 128) / 256 for _, expected in model.golden()]


def test_it_answers_golden_pictures(subject: tuple[Bench, models.ModelDirectory], name: str) -> None:
    bench, model = subject
    patterns = [entry["pattern"] for entry in model.contract["golden"]]
    script = f"""{LOAD}
backend = backends.load({name!r}, model)
print(json.dumps([len(backend.input), backend.outputs]))
for pattern in {patterns}:
    print(json.dumps(answer(backend, pattern)))
backend.close()
"""
    (size, outputs), *answers = bench.run(script)
    height, width, channels = model.input_shape
    assert (size, outputs) == (height * width * channels, len(model.labels))
    assert len(answers) == len(patterns)
    for confidences, expected in zip(answers, golden_answers(model, name), strict=True):
        assert max(256 * abs(np.array(confidences) - expected)) <= 0.01


def test_a_picture_does_not_change_the_next_answer(
    subject: tuple[Bench, models.ModelDirectory], name: str
) -> None:
    bench, _ = subject
    script = f"""{LOAD}
backend = backends.load({name!r}, model)
for pattern in (2, 3, 2, 0, 2):
    print(json.dumps(answer(backend, pattern)))
backend.close()
"""
    answers = bench.run(script)
    assert answers[0] == answers[2] == answers[4]
    assert answers[0] != answers[1]


def test_its_input_accepts_what_the_resizer_writes(
    subject: tuple[Bench, models.ModelDirectory], name: str
) -> None:
    """The buffer accepts bytes by index and by slice, as the Resizer's machine code and tests write them."""
    bench, _ = subject
    script = f"""{LOAD}
backend = backends.load({name!r}, model)
view = memoryview(backend.input)
view[0] = 128
view[-1] = 127
view[1:3] = b"\\x01\\xff"
print(json.dumps([backend.input[0] & 255, backend.input[1], backend.input[2] & 255, backend.input[-1]]))
backend.close()
"""
    assert bench.run(script) == [[128, 1, 255, 127]]


def test_closing_frees_all_memory(subject: tuple[Bench, models.ModelDirectory], name: str) -> None:
    bench, _ = subject
    script = f"""{LOAD}
def once():
    backend = backends.load({name!r}, model)
    answer(backend, 1)
    backend.close()
for _ in range(3):
    once()
    gc.collect()
    print(json.dumps(gc.mem_alloc()))
"""
    taken = bench.run(script)
    assert taken[2] <= taken[1]


def test_missing_files_are_a_reason(subject: tuple[Bench, models.ModelDirectory], name: str) -> None:
    """A directory without the files that the backend needs is refused with a reason."""
    bench, _ = subject
    script = f"""{LOAD}
from mobilenet import GalagoError
class Bare(Model):
    def file(self, kind):
        return None
try:
    backends.load({name!r}, Bare(PATH))
except GalagoError as error:
    print(json.dumps([error.code, error.message]))
"""
    ((code, message),) = bench.run(script)
    assert code == "backend.refused"
    assert name in message
    assert "this board has no ." in message


def test_too_little_memory_is_a_reason(subject: tuple[Bench, models.ModelDirectory], name: str) -> None:
    bench, _ = subject
    if name == "canmv_k230":
        pytest.skip("models on a K230 are outside the heap")
    script = f"""{LOAD}
from mobilenet import GalagoError
gc.collect()
hoard = []
while gc.mem_free() > {30_000 if name == "builtin" else 200_000}:
    try:
        hoard.append(bytearray(10_000))
    except MemoryError:
        break
try:
    backends.choose(model, ({name!r},))
except GalagoError as error:
    print(json.dumps([error.code, error.message]))
del hoard
gc.collect()
"""
    ((code, message),) = bench.run(script)
    assert code in ("backend.refused", "memory.heap", "memory.arena")
    assert "\n" not in message
