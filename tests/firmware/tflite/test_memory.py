# SPDX-License-Identifier: MIT
"""What the engine allocates for complete networks, and how much heap its code takes on a 32-bit board."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from galago.fit import package
from galago.fit.variants import Variant
from galago.native import mpy
from galago.resources import firmware_dir
from galago.tflite import engine
from galago.tflite.tflm import Tflm

KIB = 1024
ENGINE = firmware_dir() / "mobilenet" / "tflite"
V1_96, V1_128 = Variant("mobilenet_v1", 0.25, 96, (20,)), Variant("mobilenet_v1", 0.25, 128, (20,))
V2_96 = Variant("mobilenet_v2", 0.35, 96, (20,))


@pytest.mark.parametrize(("variant", "most"), [(V1_96, 40), (V1_128, 64), (V2_96, 64)])
def test_arenas_stay_within_their_targets(variant: Variant, most: int) -> None:
    """Includes the buffer that weights are streamed through."""
    model = variant.tflite()
    plan = engine.plan(model)
    assert plan.arena + plan.stream_buffer <= most * KIB
    assert plan.arena + plan.stream_buffer <= Tflm(model).arena_bytes / 2


FOOTPRINT = """
import gc, sys
sys.path[:] = [argv[0]]
import mobilenet.errors
gc.collect()
before = gc.mem_alloc()
from mobilenet.tflite import Interpreter
net = Interpreter(argv[1], weights="stream")
net.invoke()
net.close()
del net
gc.collect()
print(gc.mem_alloc() - before)
"""


@pytest.mark.parametrize("variant", [V1_96, V2_96], ids=lambda v: v.architecture)
def test_the_engine_takes_at_most_28_kib_of_a_boards_heap(micropython, compiled, tmp_path, variant) -> None:
    """Includes viper's machine code, which boards keep in the heap; the 64-bit interpreter here does not.

    Three of these are softmax's: viper, not bytecode, it saves a fifth of an inference.

    Objects take twice as many bytes here as on a board; bytecode and text take the same.
    """
    model = tmp_path / "model.tflite"
    model.write_bytes(variant.tflite())
    plan = engine.plan(variant.tflite())
    kept, dropped = ([s for s in part if s.is_relative_to(ENGINE)] for part in (plan.modules, plan.loading))
    taken = int(micropython(FOOTPRINT, compiled, model))
    same = bytecode_and_text(kept, dropped)
    for arch in ("armv6m", "armv7emsp", "rv32imc"):
        code = package.heap_bytes(kept, arch) - package.heap_bytes(kept, arch, machine_code=False)
        board = (taken + same) // 2 + code
        print(variant.name, arch, board, "of it machine code", code)
        assert board <= 28 * KIB, arch


def bytecode_and_text(kept: list[Path], dropped: list[Path]) -> int:
    """Upper bound of bytes that do not consist of words: bytecode that stays, and all strings."""
    total, strings = 0, set()
    for source in kept + dropped:
        module = mpy.read(mpy.compile(source, "x64"))
        strings |= set(module.qstrs)
        if source in kept:
            total += sum(len(code.data) for code in functions(module.code) if code.kind is mpy.Kind.BYTECODE)
    return total + sum(len(text) + 1 for text in strings - set(mpy.STATIC_QSTRS))


def functions(code: mpy.Code) -> Iterator[mpy.Code]:
    for child in code.children:
        yield child
        yield from functions(child)
