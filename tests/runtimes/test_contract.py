# SPDX-License-Identifier: MIT
"""One contract for all backends: whatever runs the model, a classifier sees the same."""

import pytest
from runtime_bench import RUNTIMES, Bench

from galago import models

EXACT = {"builtin", "openmv", "microlite"}  # they compute as TensorFlow Lite Micro does

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


@pytest.fixture(params=[*RUNTIMES, "builtin"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_it_answers_golden_pictures_within_its_tolerance(
    bench: Bench, model: models.ModelDirectory, name: str
) -> None:
    patterns = [entry["pattern"] for entry in model.contract["golden"]]
    script = f"""{LOAD}
backend = backends.load({name!r}, model)
print(json.dumps([len(backend.input), backend.outputs]))
for pattern in {patterns}:
    print(json.dumps(answer(backend, pattern)))
print(json.dumps(__import__('mobilenet.backends.{name}', None, None, ('load',)).TOLERANCE))
backend.close()
"""
    (size, outputs), *answers, tolerance = bench.run(script)
    height, width, channels = model.input_shape
    assert (size, outputs) == (height * width * channels, len(model.labels))
    assert len(answers) == len(patterns)
    for confidences, (_, expected) in zip(answers, model.golden(), strict=True):
        steps = [abs(256 * c - (int(e) + 128)) for c, e in zip(confidences, expected, strict=True)]
        assert max(steps) <= (0 if name in EXACT else tolerance)


def test_it_keeps_nothing_from_one_picture_to_the_next(bench: Bench, name: str) -> None:
    script = f"""{LOAD}
backend = backends.load({name!r}, model)
for pattern in (2, 3, 2, 0, 2):
    print(json.dumps(answer(backend, pattern)))
backend.close()
"""
    answers = bench.run(script)
    assert answers[0] == answers[2] == answers[4]
    assert answers[0] != answers[1]


def test_its_input_is_what_the_fitter_writes(bench: Bench, name: str) -> None:
    """The buffer takes bytes by index and by slice, as the Fitter's machine code and tests do."""
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


def test_closing_gives_all_memory_back(bench: Bench, name: str) -> None:
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


def test_it_says_why_it_cannot(bench: Bench, name: str) -> None:
    """A directory without the files that it needs is refused with a reason, not with an exception."""
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


def test_too_little_memory_is_a_reason(bench: Bench, name: str) -> None:
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
