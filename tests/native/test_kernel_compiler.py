# SPDX-License-Identifier: MIT
"""The compiler against viper's own emitter: random programs, and the package's kernels on real data."""

import ast
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_engine32 import inverted_residuals

from galago.errors import GalagoError
from galago.native import compiler, mpy
from galago.native.compiler import pictures
from galago.native.verify import count, machines
from galago.native.verify.cores import CORES
from galago.native.verify.device import Device
from galago.native.verify.runtime import Runtime
from galago.pictures import as_board
from galago.resources import firmware_dir
from galago.tflite.tflm import Tflm
from support import viper_programs
from support.requirements import requires

ARCHITECTURES = ("armv6m", "armv7emsp", "rv32imc", "xtensawin")
XTENSA = pytest.param("xtensawin", marks=requires("qemu-xtensa", debian="qemu-user"))
CASES = [*ARCHITECTURES[:-1], XTENSA]
OPERATORS = [
    f"tflite.kernels.{name}"
    for name in ("add", "average_pool_2d", "conv_2d", "depthwise_conv_2d", "mean", "pad")
]
_HERE = Path(__file__)


def load(source: str, arch: str, runtime: Runtime) -> tuple[dict, dict]:
    """The functions of a module as mpy-cross compiles them, and as the compiler does."""
    names: dict[str, object] = {"__name__": "viper", "_TABLE": b"\x01\x80\xff\x10viper"}
    theirs = runtime.load(mpy.read(mpy.compile(source, arch)), names)
    names |= theirs
    module = compiler.parse(source, _HERE)
    code = {name: compiler.compile_function(module, name, arch) for name in theirs}
    ours = runtime.load(mpy.read(mpy.machine_code(code, arch)), {"__name__": "compiled"})
    return theirs, ours


@pytest.mark.slow
@pytest.mark.parametrize("arch", CASES)
def test_random_programs_compute_what_viper_computes(arch: str) -> None:
    seed = ARCHITECTURES.index(arch)
    source = viper_programs.program(Random(seed), functions=20)
    runtime = Runtime(machines.core(arch), strict=arch == "armv6m")
    theirs, ours = load(source, arch, runtime)
    if arch == "xtensawin":  # whose emitter in MicroPython 1.29 computes one of these functions wrong
        theirs, _ = load(source, "armv7emsp", Runtime(CORES["armv7emsp"]))
    numbers = np.random.default_rng(seed)
    for name in theirs:
        if name == "helper":
            continue
        for _ in range(4):
            buffers = [numbers.integers(0, 1 << bits, viper_programs.ITEMS) for bits in (8, 16, 32)]
            arguments = [
                int(n) for n in numbers.integers(-(1 << 30), 1 << 30, 3) >> numbers.integers(0, 30, 3)
            ]
            results = []
            for function in (theirs[name], ours[name]):
                own = [array(code, b.tolist()) for code, b in zip("BHI", buffers, strict=True)]
                results.append((function(*own, *arguments), own))
            assert results[0] == results[1], (name, arguments)


def sources() -> list[Path]:
    files = sorted((firmware_dir() / "mobilenet").rglob("*.py"))
    return [path for path in files if "@micropython.viper" in path.read_text()]


@pytest.mark.slow
@pytest.mark.parametrize("path", sources(), ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_every_kernel_of_the_package_compiles_to_less_than_viper(path: Path) -> None:
    module = compiler.read(path)
    for arch in ARCHITECTURES:
        theirs = mpy.read(mpy.compile(path, arch)).functions()
        for name, (home, node) in module.functions.items():
            if home is module and not _calls(node, set(module.functions)):  # calls are inlined
                assert len(compiler.compile_function(module, name, arch)) < 1.1 * len(theirs[name].data)


def _calls(function: ast.FunctionDef, names: set[str]) -> bool:
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(function))


def device(arch: str, modules: Mapping[str, Iterable[str]]) -> Device:
    """A device on which functions of some modules, or all, are compiled. One core checks alignment."""
    board = Device(arch, strict=arch == "armv6m")
    for name, functions in modules.items():
        board.compile(f"mobilenet.{name.replace('/', '.')}", functions)
    return board


@pytest.mark.slow
@pytest.mark.parametrize("arch", CASES)
def test_pictures_are_the_hosts(arch: str, tmp_path: Path) -> None:
    assert sum(map(len, pictures.functions(arch).values())) <= pictures.MOST_CODE
    board = device(arch, pictures.FUNCTIONS)
    image = board.load("mobilenet.image")
    noise = np.random.default_rng(1).integers(0, 256, (20, 36, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(noise[:4, :5]).resize((36, 20)))
    kinds: list[tuple[np.ndarray, dict[str, Any]]] = [
        (noise, {"subsampling": 0, "quality": 95}),
        (smooth, {"subsampling": 1}),
        (smooth, {"subsampling": 2}),
    ]
    kinds += [(noise[..., 0], {"quality": 30}), (noise, {"subsampling": 2, "quality": 1})]
    for number, (pixels, options) in enumerate(kinds):
        path = tmp_path / f"{number}.jpg"
        Image.fromarray(pixels).save(path, **options)
        for size, channels in ((24, 3), (5, 1), (2, 3), (1, 1)):
            tensor = bytearray(size * size * channels)
            image.Resizer(size, size, channels).read(str(path), tensor)
            assert tensor == as_board(path, size, size, channels).tobytes(), (options, size)


@pytest.mark.slow
@pytest.mark.parametrize("arch", CASES)
def test_networks_give_tflms_tensors(arch: str) -> None:
    board = device(arch, dict.fromkeys(("tflite.quantization", *OPERATORS), ()))
    random = np.random.default_rng(5)
    model = inverted_residuals(random)
    tflm = Tflm(model)
    picture = random.integers(-128, 128, tflm.input_shape).astype(np.int8)
    compiled = count.run(model, board, picture)
    count.check(compiled, tflm.tensors(picture))
    # docs/compiler.md: at least three times fewer instructions than viper's own emitter.
    assert count.run(model, Device(arch), picture).instructions > 2.5 * compiled.instructions


def test_a_wrong_call_raises_what_viper_raises() -> None:
    source = "import micropython\n@micropython.viper\ndef f(a: int, b: ptr8) -> int:\n    return b[a]\n"
    runtime = Runtime(CORES["armv7emsp"])
    _, ours = load(source, "armv7emsp", runtime)
    assert ours["f"](1, b"ab") == ord("b")
    for arguments, message in (((1,), r"mp_fun_table\[44\]"), ((b"", b"ab"), "expected an int")):
        with pytest.raises(GalagoError, match=message):
            ours["f"](*arguments)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("for i in range(a): pass", "For"),
        ("return a / 2", "Div"),
        ("return a[0]", "an item of int"),
        ("return abs(a)", "a call of abs"),
        ("return a if f(a) else 1", "calls of f in one another"),
        ('return b"x" + a', "Add of object and int"),
    ],
)
def test_what_it_does_not_know_is_named(body: str, found: str) -> None:
    source = f"@micropython.viper\ndef f(a: int) -> int:\n    {body}\n"
    with pytest.raises(GalagoError, match=f"test_kernel_compiler.py:3: .* got {found}") as error:
        compiler.compile_function(compiler.parse(source, _HERE), "f", "armv6m")
    assert error.value.code == "native.source"
    with pytest.raises(GalagoError, match="expected one of armv6m") as error:
        compiler.compile_function(compiler.parse(source, _HERE), "f", "sparc")
    assert error.value.code == "native.arch"
