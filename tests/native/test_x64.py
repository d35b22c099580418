# SPDX-License-Identifier: MIT
"""Compiled code for x86-64, run by the real interpreter: against its viper, the host's decoder and TFLM."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image
from test_kernels_interpreter import run

from galago.native import compiler, mpy
from galago.native.compiler import pictures
from galago.pictures import as_board
from support import operator_models, viper_programs

ARCH = "x64"
PROGRAMS = """
import sys
sys.path.insert(0, argv[0])
import compiled, viper
from array import array

x = 1
def number(bits):
    global x
    x = x * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
    return x >> 64 - bits

names = [name for name in dir(compiled) if name[0] == "f"]
for name in names:
    for _ in range(6):
        items = [[number(bits) for _ in range(64)] for bits in (8, 16, 32)]
        numbers = [number(62) - (1 << 61) >> number(6) for _ in range(3)]
        results = []
        for module in (viper, compiled):
            buffers = [array(code, each) for code, each in zip("BHI", items)]
            results.append((getattr(module, name)(*buffers, *numbers), [bytes(each) for each in buffers]))
        assert results[0] == results[1], (name, numbers, results)
print(len(names))
"""
PICTURES = """
from mobilenet.image import Resizer
for path in argv:
    for size, channels in ((24, 3), (5, 1), (2, 3), (1, 1)):
        tensor = bytearray(size * size * channels)
        Resizer(size, size, channels).read(path, tensor)
        print(list(tensor))
"""


@pytest.mark.slow
def test_random_programs_compute_what_viper_computes(micropython: Callable[..., str], tmp_path: Path) -> None:
    """Words have 64 bits in both, and the numbers use them."""
    source = viper_programs.program(Random(64), functions=25)
    module = compiler.parse(source, tmp_path / "viper.py")
    code = {name: compiler.compile_function(module, name, ARCH) for name in module.functions}
    (tmp_path / "viper.mpy").write_bytes(mpy.compile(source, ARCH))
    (tmp_path / "compiled.mpy").write_bytes(mpy.machine_code(code, ARCH))
    assert micropython(PROGRAMS, tmp_path) == "25\n"


def test_pictures_are_the_hosts(micropython: Callable[..., str], compiled: Path, tmp_path: Path) -> None:
    """The board's own loader and proof take all functions; viper is what it compares them with."""
    package = tmp_path / "lib"
    shutil.copytree(compiled, package)
    (package / "mobilenet" / pictures.FILE).write_bytes(pictures.build(ARCH))
    noise = np.random.default_rng(1).integers(0, 256, (20, 36, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(noise[:4, :5]).resize((36, 20)))
    paths, expected = [], []
    for number, pixels in enumerate((noise, smooth, smooth, noise[..., 0])):
        paths.append(tmp_path / f"{number}.jpg")
        Image.fromarray(pixels).save(paths[-1], subsampling=number % 3, quality=(95, 75, 75, 30)[number])
        for size, channels in ((24, 3), (5, 1), (2, 3), (1, 1)):
            expected.append(list(as_board(paths[-1], size, size, channels).tobytes()))
    lines = micropython(PICTURES, *paths, package=package).splitlines()
    assert [json.loads(line) for line in lines] == expected
    verdict = json.loads((tmp_path / "galago.picture.json").read_text())
    used = [name for names in pictures.FUNCTIONS.values() for name in names]
    assert (sorted(verdict["right"]), verdict["wrong"]) == (sorted(used), [])


@pytest.mark.slow
def test_compiled_operators_give_tflms_tensors(micropython: Callable[..., str], tmp_path: Path) -> None:
    names = operator_models.names()[::6]  # the others share what these are made of
    run(micropython, tmp_path, [operator_models.build(name, seed) for seed, name in enumerate(names)])
