# SPDX-License-Identifier: MIT
"""The engine under interruption, together with other engines, run repeatedly, and without enough memory."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from galago.resources import models_dir
from galago.tflite.tflm import Tflm
from support import seeds

LARGE = models_dir() / "everyday-v1-025-96" / "model.tflite"
# Each folder in argv holds a model, an input, and the output that TFLM computes.
LOAD = """
import gc
from mobilenet import GalagoError
from mobilenet.tflite import Interpreter

def read(folder, name):
    with open(folder + "/" + name, "rb") as file:
        return file.read()

def correct(net, folder):
    net.input[:] = read(folder, "input")
    net.invoke()
    return bytes(net.output) == read(folder, "expected")
"""


@pytest.fixture
def micropython(micropython, compiled):
    """With the package compiled, as on boards: each construction imports the loading half again."""
    return partial(micropython, package=compiled)


@pytest.fixture
def folders(tmp_path):
    """Writes models with inputs and TFLM's outputs; returns a folder for each."""

    def write(**models: bytes) -> list[Path]:
        rng = np.random.default_rng(11)
        for name, model in models.items():
            oracle = Tflm(model)
            picture = rng.integers(-128, 128, oracle.input_shape).astype(np.int8)
            folder = tmp_path / name
            folder.mkdir()
            (folder / "model.tflite").write_bytes(model)
            (folder / "input").write_bytes(picture.tobytes())
            (folder / "expected").write_bytes(oracle.run(picture).tobytes())
        return [tmp_path / name for name in models]

    return write


def small(*names: str) -> dict[str, bytes]:
    return {name: seeds.small()[name] for name in names}


INTERRUPT = """
folder = argv[0]
net = Interpreter(folder + "/model.tflite")
calls = [0]

def count(layer, first, last):
    calls[0] += 1

net.invoke(count)
total = calls[0]
for stop in range(total):
    calls[0] = 0

    def interrupt(layer, first, last):
        if calls[0] == stop:
            raise KeyboardInterrupt
        calls[0] += 1

    net.input[:] = read(folder, "input")
    try:
        net.invoke(interrupt)
        print("not interrupted at", stop)
    except KeyboardInterrupt:
        pass
    if not correct(net, folder):
        print("wrong after an interruption at", stop)
print("interrupted", total, "times")
"""


def test_an_interrupted_run_leaves_a_usable_interpreter(micropython, folders) -> None:
    output = micropython(LOAD + INTERRUPT, *folders(**small("mobilenet")))
    interrupted, times, _ = output.split()  # nothing else was printed
    assert interrupted == "interrupted"
    assert int(times) >= 10


HOOK = """
class Watchdog:
    fed = 0

    def feed(self):
        self.fed += 1

net = Interpreter(argv[0] + "/model.tflite")
watchdog = Watchdog()
calls = []

def hook(layer, first, last):
    calls.append((layer, first, last))
    watchdog.feed()

net.invoke(hook)
print(watchdog.fed, len(calls))
for call in calls:
    print(*call)
"""


def test_the_hook_sees_every_row_of_every_layer(micropython, folders) -> None:
    # Heights of the layers of the small MobileNet; tensors that are not pictures have one row.
    heights = [13, 6, 6, 6, 6, 6, 3, 1, 1, 1, 1]
    counted, *calls = micropython(LOAD + HOOK, *folders(**small("mobilenet"))).splitlines()
    assert counted == f"{len(calls)} {len(calls)}"
    done = [0] * len(heights)
    for layer, first, last in (map(int, call.split()) for call in calls):
        assert first == done[layer] < last
        done[layer] = last
    assert done == heights


TOGETHER = """
nets = [(Interpreter(folder + "/model.tflite"), folder) for folder in argv for _ in range(2)]
for turn in range(6):
    for net, folder in nets if turn % 2 else reversed(nets):
        garbage = [bytearray(n) for n in range(64)]
        if turn > 2:
            gc.collect()
        if not correct(net, folder):
            print("wrong:", folder, "in turn", turn)
for net, folder in nets:
    net.input[:] = read(folder, "input")
for turn in range(100):  # row by row in turn: no state is shared
    (one, folder), (two, other) = nets[turn % len(nets)], nets[(turn + 1) % len(nets)]
    one.input[:] = read(folder, "input")
    one.invoke(lambda *_: gc.collect() if turn < 3 else None)
    if not correct(two, other):
        print("wrong:", other, "after", folder)
    if bytes(one.output) != read(folder, "expected"):
        print("wrong:", folder, "while", other, "ran")
print("done", len(nets))
"""


def test_many_models_in_one_process(micropython, folders) -> None:
    models = seeds.small()
    assert micropython(LOAD + TOGETHER, *folders(**models)) == f"done {2 * len(models)}\n"


NESTED = """
folders = argv
nets = [Interpreter(folder + "/model.tflite") for folder in folders]
for turn in range(4):
    inner = [0]

    def other(layer, first, last):
        gc.collect()
        if not correct(nets[1 - turn % 2], folders[1 - turn % 2]):
            print("wrong inside")
        inner[0] += 1

    net, folder = nets[turn % 2], folders[turn % 2]
    net.input[:] = read(folder, "input")
    net.invoke(other)
    if bytes(net.output) != read(folder, "expected"):
        print("wrong outside")
print("done", inner[0] > 5)
"""


def test_one_runs_between_the_layers_of_the_other(micropython, folders) -> None:
    mobilenet = seeds.small()["mobilenet"]
    assert micropython(LOAD + NESTED, *folders(one=mobilenet, two=mobilenet)) == "done True\n"


LEAK = """
folder = argv[0]
net = Interpreter(folder + "/model.tflite")
correct(net, folder)
gc.collect()
before = gc.mem_alloc()
for _ in range(1000):
    net.invoke()
gc.collect()
print("invocations", gc.mem_alloc() - before)
gc.disable()
before = gc.mem_alloc()
for _ in range(10):
    net.invoke()
print("of one", (gc.mem_alloc() - before) // 10)
gc.enable()
print(correct(net, folder))
net.close()
net = None
gc.collect()
before = gc.mem_alloc()
for _ in range(100):
    net = Interpreter(folder + "/model.tflite")
    net.close()
    net = None
gc.collect()
print("constructions", gc.mem_alloc() - before)
"""


def test_nothing_leaks(micropython, folders) -> None:
    lines = micropython(LOAD + LEAK, *folders(**small("mobilenet"))).splitlines()
    invocations, one, result, constructions = lines
    # The collector may mistake words on the stack for pointers: some blocks, but not more with every run.
    assert int(invocations.split()[-1]) < 1024
    assert int(constructions.split()[-1]) < 1024
    assert int(one.split()[-1]) < 4096  # garbage of one run
    assert result == "True"


FILL = """
hogs = [None] * 4000

def fill(room):
    # Allocates all of the heap except one block.
    gc.collect()
    reserved = bytearray(room)
    taken = 0
    for size in (65536, 16384, 4096, 1024, 256, 32):
        try:
            while taken < len(hogs):
                hogs[taken] = bytearray(size)
                taken += 1
        except MemoryError:
            pass
    reserved = None
    gc.collect()

def release():
    for i in range(len(hogs)):
        hogs[i] = None
    gc.collect()
"""

SHRINK = """
small, folder, mode, step = argv
step = int(step)

def load(folder):
    return Interpreter(folder + "/model.tflite" if mode == "file" else read(folder, "model.tflite"))

correct(load(folder), folder)  # loads all kernels
data = read(folder, "model.tflite") if mode == "memory" else folder + "/model.tflite"
correct(load(small), small)
outcomes = {}
room = 2048  # bytes that the error itself takes
while True:
    fill(room)
    try:
        net = Interpreter(data)
        outcome = "success"
    except GalagoError as error:
        outcome = error.code
    release()
    if outcome == "success":
        if not correct(net, folder):
            print("wrong with room for", room)
        net.close()
    net = None
    outcomes[outcome] = outcomes.get(outcome, 0) + 1
    if not correct(load(small), small):
        print("unusable after", outcome, "with room for", room)
    if outcomes.get("success", 0) == 20:
        break
    room += step
for outcome in sorted(outcomes):
    print(outcome, outcomes[outcome])
"""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["memory", "file"])
def test_memory_that_ends_anywhere_while_loading(micropython, folders, mode) -> None:
    """Fills the heap except for some bytes, then for some more, until the model fits: never a traceback."""
    small_one, folder = folders(**small("reshape", "mobilenet"))
    lines = micropython(LOAD + FILL + SHRINK, small_one, folder, mode, 224, heap="1M").splitlines()
    counts = {code: int(count) for code, count in map(str.split, lines)}
    assert counts.pop("success") == 20
    assert sum(counts.values()) > 30
    assert set(counts) <= {"memory.arena", "memory.heap"}


FIRST = """
folder, room = argv
from mobilenet.tflite import loading
fill(int(room))
try:
    net = Interpreter(folder + "/model.tflite")
    outcome = "success"
except GalagoError as error:
    outcome = error.code
net = None
release()
print(outcome)
print(correct(Interpreter(folder + "/model.tflite"), folder))
"""


def test_memory_that_ends_while_kernels_are_imported(micropython, folders) -> None:
    """A module whose import failed must not stay half initialized: the next attempt works."""
    (folder,) = folders(**small("mobilenet"))
    outcomes = set()
    for room in range(4096, 120_000, 5000):
        outcome, usable = micropython(LOAD + FILL + FIRST, folder, room, heap="1M").split()
        outcomes.add(outcome)
        assert usable == "True", (room, outcome)
    assert outcomes <= {"success", "memory.arena", "memory.heap"}
    assert len(outcomes) > 1


@pytest.mark.slow
def test_a_shipped_model_leaks_nothing(micropython, folders) -> None:
    output = micropython(LOAD + LEAK.replace("range(1000)", "range(50)"), *folders(model=LARGE.read_bytes()))
    invocations, _, result, constructions = output.splitlines()
    assert int(invocations.split()[-1]) < 1024
    assert int(constructions.split()[-1]) < 1024
    assert result == "True"
