# SPDX-License-Identifier: MIT
"""Writes the generated parts of docs/compiler.md: one kernel on its way, and the table of all of them.

python -m docgen.compiled_kernels docs/compiler.md

A drawn JPEG of 320 x 240 pixels is decoded and resized to 96 x 96 on each emulated core, in viper and
compiled, and the shipped model is run; the instructions of each step and of small operators are counted, and
those of convolutions that no generator is written for. The emulated board's interpreter is timed.
"""

import argparse
import ast
import re
import tempfile
from bisect import bisect_right
from collections import Counter
from pathlib import Path

from docgen import emulated_pictures, general_convolutions
from docgen.table import table
from galago import models
from galago.dataset.drawn import drawn
from galago.native import compiler, kernels, mpy
from galago.native.compiler import pictures
from galago.native.compiler.frontend import translate
from galago.native.compiler.targets import TARGETS
from galago.native.kernels import viper as viper_kernels
from galago.native.verify import count, machines
from galago.native.verify.cores import CORES
from galago.native.verify.device import Device
from galago.native.verify.machine import Machine
from galago.pictures import as_board
from galago.resources import firmware_dir

_ARCHITECTURES = ("armv6m", "armv7emsp", "rv32imc", "xtensawin")
_KERNEL, _SHOWN = "image/area", "_add"
_MODEL = "everyday-v1-025-96"
_HEADINGS = ("core", "viper", "compiled", "ratio", "bytes, viper", "bytes, compiled")
_SIZE = 96
_STEP_OF = {"huffman": "coefficients and inverse DCT", "idct": "coefficients and inverse DCT"}
_STEP_OF |= {"mcus": "coefficients and inverse DCT", "color": "colour", "area": "resize"}
_STEPS = tuple(dict.fromkeys(_STEP_OF.values()))
"""Compiled functions contain those that they call, so that only steps can be compared."""


def main() -> None:
    """Replaces the text between the markers of the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("page", type=Path)
    page = parser.parse_args().page
    text = page.read_text(encoding="utf-8")
    convolutions = general_convolutions.counts(_ARCHITECTURES)
    for marker, content in (
        ("kernel", _followed()),
        ("table", _counts()),
        ("operators", _operators()),
        ("convolutions", convolutions),
        ("emulated", emulated_pictures.measured()),
    ):
        pattern = rf"(<!-- {marker} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda found, new=content: found[1] + new + found[2], text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")


def _followed() -> str:
    path = firmware_dir() / f"mobilenet/{_KERNEL}.py"
    module = compiler.read(path)
    source = ast.get_source_segment(path.read_text(encoding="utf-8"), module.functions[_SHOWN][1])
    function = translate(module, _SHOWN, 32)
    before = _loop(str(function))
    target = TARGETS["armv7emsp"]()
    compiler.optimize(function, target)
    code = compiler.compile_function(module, _SHOWN, "armv7emsp")
    listing = "\n".join(_loop_of_code(code))
    blocks = (("python", source), ("", before), ("", _loop(str(function))), ("", listing))
    return "\n".join(f"```{language}\n{block}\n```\n" for language, block in blocks)


def _loop(text: str) -> str:
    """The blocks from the loop's head to its test."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("  loop"))
    last = next(i for i, line in enumerate(lines) if i > first and "branch" in line)
    return "\n".join(line.removeprefix("  ") for line in lines[first : last + 1])


def _loop_of_code(code: bytes) -> list[str]:
    """The instructions that a backward branch repeats."""
    machine = Machine(CORES["armv7emsp"])
    start = machine.load(code) & ~1
    lines = [
        (int(each.address), f"{each.mnemonic} {each.op_str}")
        for each in machine.disassemble(start, len(code))
    ]
    for address, line in lines:
        found = re.fullmatch(r"b\w* #(0x[0-9a-f]+)", line)
        if found and int(found[1], 16) < address:
            loop = [text for at, text in lines if int(found[1], 16) <= at <= address]
            return [*loop[:-1], f"{line.split()[0]} loop"]
    return []


def _counts() -> str:
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        path = Path(folder, "picture.jpg")
        _save(path)
        counted = {arch: (_count(arch, path, False), _count(arch, path, True)) for arch in _ARCHITECTURES}
    sizes = {arch: _sizes(arch) for arch in _ARCHITECTURES}
    rows = []
    for step in (*_STEPS, "all"):
        for arch in _ARCHITECTURES:
            viper, compiled = (each[step] for each in counted[arch])
            rows.append((step, *_row(arch, viper, compiled, *(each[step] for each in sizes[arch]))))
    return table(("step", *_HEADINGS), rows, right=(2, 3, 4, 5, 6))


def _row(arch: str, viper: int, compiled: int, theirs: int, ours: int) -> tuple[str, ...]:
    numbers = f"{viper:,}", f"{compiled:,}", f"{viper / compiled:.1f}", f"{theirs:,}", f"{ours:,}"
    return machines.core(arch).name, *numbers


def _operators() -> str:
    """Small operators of the shipped model, in viper and compiled."""
    model = models.find(_MODEL).tflite.read_bytes()
    picture = next(models.find(_MODEL).golden())[0]
    rows = []
    for arch in _ARCHITECTURES:
        viper = count.run(model, Device(arch), picture).functions()
        native = count.run(model, Device(arch), picture, kernels.build(model, arch)).functions()
        for name in ("mean", "softmax"):
            source = firmware_dir() / f"mobilenet/tflite/kernels/{name}.py"
            theirs = mpy.read(mpy.compile(source, arch)).functions().values()
            size = sum(len(code.data) for code in theirs if code.kind is mpy.Kind.VIPER)
            instructions = sum(n for function, n in viper.items() if function.split(".")[0] == name)
            ours = len(viper_kernels.code(name, arch) or b"")
            rows.append((name, *_row(arch, instructions, native[f"kernels.{name}"], size, ours)))
    return table(("operator", *_HEADINGS), sorted(rows, key=lambda row: row[0]), right=(2, 3, 4, 5, 6))


def _save(path: Path) -> None:
    from PIL import Image

    Image.fromarray(drawn(3, (240, 320, 3))).save(path, quality=85, subsampling=2)


def _count(arch: str, path: Path, compiled: bool) -> Counter[str]:
    """Instructions by function, of reading the picture once; checks the bytes."""
    device = Device(arch)
    resizer = device.load("mobilenet.image").Resizer(_SIZE, _SIZE)
    for name, functions in pictures.FUNCTIONS.items():
        module = f"mobilenet.{name.replace('/', '.')}"
        device.compile(module, functions) if compiled else device.load(module)
    tensor = bytearray(_SIZE * _SIZE * 3)
    machine = device.runtime.machine
    machine.blocks.clear()
    resizer.read(str(path), tensor)
    if tensor != as_board(path, _SIZE, _SIZE).tobytes():
        raise SystemExit(f"{arch}: the picture differs from the host's")
    starts = sorted((function.code & ~1, function.name) for function in device.runtime.functions)
    found: Counter[str] = Counter()
    for block, times in machine.blocks.items():
        name = starts[bisect_right(starts, (block[0], "~")) - 1][1]
        for step in (_STEP_OF[name.split(".")[0]], "all"):
            found[step] += times * machine.length(block)
    return found


def _sizes(arch: str) -> tuple[Counter[str], Counter[str]]:
    """Bytes in viper and compiled, by step."""
    theirs: Counter[str] = Counter()
    for module, step in _STEP_OF.items():
        (path,) = firmware_dir().rglob(f"mobilenet/image/**/{module}.py")
        for code in mpy.read(mpy.compile(path, arch)).functions().values():
            theirs[step] += len(code.data) * (code.kind is mpy.Kind.VIPER)
    ours: Counter[str] = Counter()
    code = pictures.functions(arch)
    for module, functions in pictures.FUNCTIONS.items():
        step = _STEP_OF.get(module.rpartition("/")[2])
        if step:
            ours[step] += sum(len(code[name]) for name in functions)
    for each in theirs, ours:
        each["all"] = each.total()
    return theirs, ours


if __name__ == "__main__":
    main()
