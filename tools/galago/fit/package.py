# SPDX-License-Identifier: MIT
"""What the device package takes on a board: bytes of its files, and bytes of heap once it is imported.

sum(file_sizes("armv7emsp").values())
file_sizes("armv7emsp").keys() - spare(plan, board.backends, camera=False)[0]
heap_bytes(plan.modules, "armv7emsp")

Importing a .mpy copies its bytecode and machine code to the heap and creates objects around them. The number
of words per object was fitted by least squares to the import of each module on the emulated board, where a
word has 8 bytes. The model is within 1 % for the whole package and within 1.5 KB for a single module.
"""

import functools
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, get_args

from galago import cache
from galago.boards import Backend
from galago.native import mpy
from galago.resources import firmware_dir
from galago.tflite.engine import Plan

_ENGINE = ("kernels", "loading", "operators")  # folders of the engine whose files depend on the model
_ALWAYS = (  # files in them that every model may need, even if its plan is stored
    "kernels/__init__.py",
    "kernels/native.py",
    "kernels/proof.py",
    "kernels/schedule.py",
    "loading/__init__.py",
    "loading/native.py",
    "loading/stored.py",
)
# The camera drivers that are for one firmware, by the module of the camera of its boards.
_CAMERAS = {
    "csi": ("openmv",),
    "camera": ("esp32", "lemariva"),
    "sensor": ("maixpy",),
    "media.sensor": ("canmv_k230",),
}
_SHARED_BACKENDS = ("k210",)  # what backends of the K210 share
WRITTEN = {
    "/galago.json": 300,
    "/galago.good.json": 300,
    "/galago.seq": 8,
    "/galago.picture.json": 100,
    "/galago.kernels.json": 400,
}
"""Bytes of what main.py and `galago flash` write, by path on the board."""
_MODULE_WORDS = 60  # context, tables, and a dict that grows by steps
_FUNCTION_WORDS = 5  # four of the function object (py/objfun.h), and a share of classes
_STRING_WORDS = 7.5  # an entry of the string pool, and mostly one of a dict
_POOL_WORDS = 1.5  # the entry of the string pool alone


class _Module(NamedTuple):
    """What matters of one .mpy. Sizes in bytes."""

    file: int
    bytecode: list[int]
    """The size of each function in bytecode."""
    machine_code: list[int]
    """The size of each function in machine code."""
    qstrs: list[str]


def file_sizes(arch: str) -> dict[Path, int]:
    """Bytes of the .mpy of each source file of the device package.

    Raises GalagoError mpy.compile where mpy-cross cannot compile for the architecture.
    """
    return {source: module.file for source, module in _modules(arch).items()}


def spare(plan: Plan | None, backends: Iterable[str], camera: bool, module: str = "") -> list[set[Path]]:
    """The source files that a board can do without if it has no room for the whole device package.

    The first set is what its model does not need; the second, for where that is not enough, has the decoder
    of JPEG as well, which the host can stand in for.

    A model does not need what plans it, since the plan is stored beside it; the kernels that the model of
    `plan` does not use (without a plan: all of them); the runtimes that are not among `backends`; and without
    a `camera` the drivers of cameras, or those of other modules than the board's, if its `module` is known.
    """
    package = firmware_dir() / "mobilenet"
    engine = {source for folder in _ENGINE for source in (package / "tflite").glob(f"{folder}/*.py")}
    used = {package / "tflite" / name for name in _ALWAYS} | (set(plan.modules) if plan else set())
    others = [name for name in (*get_args(Backend), *_SHARED_BACKENDS) if name not in backends]
    cameras = {name for names in _CAMERAS.values() for name in names}
    other_cameras = cameras.difference(_CAMERAS.get(module, cameras))
    unused = (
        (engine - used)
        | {package / "backends" / f"{name}.py" for name in others}
        | {package / "camera" / f"{name}.py" for name in other_cameras}
        | (set() if camera else set((package / "camera").glob("*.py")))
    )
    return [unused, unused | set((package / "image" / "jpeg").glob("*.py"))]


class Picture(NamedTuple):
    """The machine code of the picture functions. Sizes in bytes."""

    file: int
    code: int


def picture(arch: str | None) -> Picture:
    """The machine code of the picture functions; without an architecture there is a file without code."""
    known = cache.derive("picture", str(arch), lambda: _picture(arch))
    return Picture(*known)


def _picture(arch: str | None) -> tuple[int, int]:
    from galago.native.compiler import pictures

    return len(pictures.build(arch)), sum(map(len, pictures.functions(arch or "").values()))


def board_files(arch: str, native: str | None, spare: Collection[Path] = ()) -> dict[str, int]:
    """Bytes of all files but those of models, by path on the board.

    They are the device package without the source files in `spare`, its picture functions in machine code for
    `native` (without it they hold none), main.py with what it writes, and what switches to new files.
    """
    switch = cache.derive("switch", arch, lambda: len(mpy.compile(firmware_dir() / "galago_switch.py", arch)))
    return {
        **{_on_board(source): size for source, size in file_sizes(arch).items() if source not in spare},
        "/lib/mobilenet/picture.mpy": picture(native).file,
        "/lib/galago_switch.mpy": switch,
        "/main.py": (firmware_dir() / "main.py").stat().st_size,
        **WRITTEN,
    }


@functools.cache
def _on_board(source: Path) -> str:
    return f"/lib/{source.relative_to(firmware_dir()).with_suffix('.mpy').as_posix()}"


def heap_bytes(sources: Iterable[Path], arch: str, word: int = 4, machine_code: bool = True) -> int:
    """Bytes of heap that these modules take once imported.

    `word` is in bytes. Without `machine_code` that code lies outside the heap, as in MicroPython's Unix port.
    """
    return _heap_bytes([_modules(arch)[source] for source in sources], word, machine_code)


def heap_bytes_of(files: Iterable[bytes], word: int = 4) -> int:
    """Bytes of heap that the modules in these .mpy files take once imported."""
    return _heap_bytes([_module(data) for data in files], word, machine_code=True)


def _heap_bytes(modules: list[_Module], word: int, machine_code: bool) -> int:
    block = 4 * word  # the collector's unit (py/gc.h: MICROPY_BYTES_PER_GC_BLOCK)
    total = 0
    for module in modules:
        functions = len(module.bytecode) + len(module.machine_code)
        total += (_MODULE_WORDS + _FUNCTION_WORDS * functions) * word
        in_heap = module.bytecode + (module.machine_code if machine_code else [])
        total += sum(-(-size // block) * block for size in in_heap)
    strings = set().union(*(module.qstrs for module in modules)) - set(mpy.STATIC_QSTRS)
    return total + sum(len(text.encode()) + 1 + round(_STRING_WORDS * word) for text in strings)


def names_bytes(dropped: Iterable[Path], kept: Iterable[Path], arch: str, word: int = 4) -> int:
    """Bytes of heap that the strings of dropped modules keep: the pool of strings never shrinks."""
    modules = _modules(arch)
    known = set(mpy.STATIC_QSTRS).union(*(modules[source].qstrs for source in kept))
    strings = set().union(*(modules[source].qstrs for source in dropped)) - known
    return sum(len(text.encode()) + 1 + round(_POOL_WORDS * word) for text in strings)


def compiled(arch: str) -> dict[Path, bytes]:
    """The .mpy of each source file of the device package."""
    return _compile(_same_code(arch))


def _modules(arch: str) -> dict[Path, _Module]:
    return _read_modules(_same_code(arch))


def _same_code(arch: str) -> str:
    # Viper has no floats: cores that differ only by their FPU get the same machine code.
    return "armv7emsp" if arch == "armv7emdp" else arch


@functools.cache
def _read_modules(arch: str) -> dict[Path, _Module]:
    def compute() -> dict[str, _Module]:
        folder = firmware_dir()
        return {str(source.relative_to(folder)): _module(data) for source, data in _compile(arch).items()}

    known = cache.derive("package", arch, compute)
    return {firmware_dir() / source: _Module(*module) for source, module in known.items()}


def _module(data: bytes) -> _Module:
    module = mpy.read(data)
    functions = list(_functions(module.code))
    bytecode = [len(code.data) for code in functions if code.kind is mpy.Kind.BYTECODE]
    machine_code = [len(code.data) for code in functions if code.kind is not mpy.Kind.BYTECODE]
    return _Module(len(data), bytecode, machine_code, list(module.qstrs))


@functools.cache
def _compile(arch: str) -> dict[Path, bytes]:
    sources = sorted((firmware_dir() / "mobilenet").rglob("*.py"))
    with ThreadPoolExecutor() as pool:  # mpy-cross is one process per file
        return dict(zip(sources, pool.map(lambda source: mpy.compile(source, arch), sources), strict=True))


def _functions(code: mpy.Code) -> Iterator[mpy.Code]:
    """The functions within a function. A module's own body is garbage once it has run."""
    for child in code.children:
        yield child
        yield from _functions(child)
