# SPDX-License-Identifier: MIT
"""Whether a model runs on a board, and how: arithmetic on the board's figures, no board needed.

needs = fit.Needs.of(models.find("everyday-v1-025-96"))
result = fit.judge(needs, boards.load("RPI_PICO"))
result.fits, result.weights, result.heap, result.seconds
fit.suggest(needs, board)       # the largest MobileNet below it that fits

Files are what `galago flash` puts on the board. The heap holds the device package, the engine's arena (as the
engine plans it) and the weights, unless they are used in place or streamed. Time is instructions, as counted,
x cycles per instruction / clock.
"""

import functools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from galago.boards import BoardSpec, Kernels
from galago.fit import machine_code, package
from galago.fit.machine_code import MachineCode
from galago.fit.variants import ALPHAS, SIZES, Variant
from galago.models import ModelDirectory
from galago.resources import firmware_dir
from galago.tflite import summary
from galago.tflite.engine import Plan, plan

Weights = Literal["in place", "RAM", "streamed"]
"""In place: read where a ROMFS holds them. RAM: copied at load. Streamed: read from the file at each use."""

# Instructions per MAC of the engine's kernels, counted exactly in Unicorn for the shipped model
# (python -m galago.native.verify.count MODEL). Xtensa was not counted: RV32 stands in for it.
_RV32 = {"convolution": 18.15, "depthwise": 29.50, "pointwise": 10.31, "fully connected": 25.61}
_THUMB2 = {"convolution": 20.52, "depthwise": 33.26, "pointwise": 11.62, "fully connected": 27.41}
_THUMB1 = {"convolution": 20.72, "depthwise": 33.76, "pointwise": 11.72, "fully connected": 27.73}
INSTRUCTIONS = {"rv32imc": _RV32, "xtensa": _RV32, "xtensawin": _RV32, "armv6m": _THUMB1}
INSTRUCTIONS |= dict.fromkeys(("armv7m", "armv7em", "armv7emsp", "armv7emdp"), _THUMB2)
FASTER, SLOWER = 0.7, 1.6
"""What the estimate of time may be off by: the runtime that kernels call is not counted (about a tenth), and
cycles per instruction guess at wait states and caches."""

_BOOT = 6_256  # bytes of heap in use at the prompt: gc.mem_alloc() on a Pico 2, MicroPython 1.28.0
_SPARE = 16_384  # bytes that the engine leaves free beside weights in RAM (tflite/interpreter.py)
# While a model is loaded, found by shrinking the emulated board's heap: words for each operator, and how many
# times the arena must be free, to find it in one piece among what is in use then.
_LOADING_WORDS = 64
_SCATTER = 2.0
_OBJECT_WORDS = 300  # Classifier, Model, Interpreter and Resizer with their dicts and views
_JPEG = 46_000  # bytes of buffers to decode a JPEG of 640 x 480, found likewise


class Use(NamedTuple):
    """Bytes of something limited."""

    used: int
    size: int


_NOTHING = Use(0, 0)


@dataclass(frozen=True)
class Needs:
    """What a model needs, whatever the board. Sizes in bytes."""

    name: str
    model: bytes = field(repr=False)
    tflite: int
    contract: int
    """Of model.json."""
    width: int
    """Of the input, in pixels."""
    labels: int
    """Of their text."""
    classes: int
    operators: int
    macs: dict[str, int]
    """Multiplications by kind of layer (summary.Layer.kind)."""
    plan: Plan
    variant: Variant | None
    """Which MobileNet it is, if it is one."""

    @classmethod
    def of(cls, model: ModelDirectory) -> "Needs":
        """Raises GalagoError model.malformed, model.operator or model.quantization, as a board would."""
        data = model.tflite.read_bytes()
        layers = summary.layers(data)
        dense = tuple(layer.output[-1] for layer in layers if layer.kind == "fully connected")
        return cls(
            name=model.name,
            model=data,
            tflite=len(data),
            contract=(model.path / "model.json").stat().st_size,
            width=model.input_shape[1],
            labels=sum(len(label.encode()) for label in model.labels),
            classes=len(model.labels),
            operators=len(layers),
            macs=_macs(layers),
            plan=plan(data),
            variant=_variant(model, dense),
        )

    def but(self, variant: Variant) -> "Needs":
        """The same classes in another MobileNet."""
        layers, data, planned = _made(variant)
        return replace(
            self,
            name=variant.name,
            model=data,
            tflite=len(data),
            width=variant.size,
            operators=len(layers),
            macs=_macs(list(layers)),
            plan=planned,
            variant=variant,
        )


@dataclass(frozen=True)
class Fit:
    """A model on a board. `problem` is empty if it fits; then `weights` says where they are.

    Of a board that the built-in engine does not run on there are no figures.
    """

    board: BoardSpec
    needs: Needs
    problem: str
    kernels: Kernels = "viper"
    """What would compute."""
    weights: Weights | None = None
    filesystem: Use = _NOTHING
    romfs: Use = _NOTHING
    heap: dict[str, int] = field(default_factory=dict)
    """Bytes of heap by what takes them, once the model is loaded."""
    loading: int = 0
    """Bytes of heap in use at most while it is loaded."""
    jpeg: bool = False
    """Whether there is room to decode JPEG pictures of 640 x 480 too."""
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of one inference: at best, estimated, at worst. Reading streamed weights comes on top."""

    @property
    def fits(self) -> bool:
        """Whether nothing is in the way."""
        return not self.problem


def judge(needs: Needs, board: BoardSpec) -> Fit:
    """Whether and how a model runs on a board in the built-in engine: by machine code if there is room."""
    if not board.kernels:
        runtimes = " or ".join(board.backends)
        return Fit(board, needs, f"it runs models made for {runtimes}, no .tflite")
    in_viper = _judge(needs, board)
    if in_viper.fits and "native" in board.kernels and (made := machine_code.of(needs.model, board.arch)):
        native = _judge(replace(needs, plan=made.plan), board, made)
        if native.fits:
            return replace(native, needs=needs)
    return in_viper


def _judge(needs: Needs, board: BoardSpec, made: MachineCode | None = None) -> Fit:
    own, model = files_of(needs, board.arch, made.file if made else 0)
    in_rom = model <= board.romfs
    files = Use(own if in_rom else own + model, board.filesystem)
    heap = _heap(needs, board)
    if made and _code_in_heap(board):
        heap["machine code"] = made.size
    loading = sum(heap.values()) + loading_of(needs, board.arch, machine_code=_code_in_heap(board))
    room = board.heap - sum(heap.values())
    weights: Weights = "in place" if in_rom else "RAM"
    if not in_rom:
        piece = board.largest_block or board.heap
        if room > needs.tflite + _SPARE and needs.tflite <= piece:
            heap["weights"] = needs.tflite
        else:
            weights, heap["piece of the weights"] = "streamed", needs.plan.piece
    result = Fit(
        board,
        needs,
        "",
        "native" if made else "viper",
        weights,
        files,
        Use(model if in_rom else 0, board.romfs),
        heap,
        max(loading, sum(heap.values())),
        board.heap - sum(heap.values()) >= _jpeg(board),
        _seconds(needs, board, machine_code.INSTRUCTIONS if made else INSTRUCTIONS),
    )
    return replace(result, problem=_problem(result))


def files_of(needs: Needs, arch: str, kernels: int = 0) -> tuple[int, int]:
    """Bytes of file system that the device package takes, and the model, each with its folders.

    `kernels` are bytes of machine code beside the model.
    """
    sizes = package.file_sizes(arch)
    folders = {source.parent for source in sizes}  # and /lib, /models and the model's own
    return (
        package.file_system_bytes(sizes.values(), len(folders) + 1),
        package.file_system_bytes((needs.tflite, needs.contract, kernels), 2),
    )


def heap_of(needs: Needs, arch: str, word: int = 4, machine_code: bool = True) -> dict[str, int]:
    """Bytes of heap that a loaded Classifier takes, weights aside, by what takes them.

    `word` is in bytes; without `machine_code` that lies outside the heap, as on the emulated board.
    """
    plan = needs.plan
    names = package.names_bytes(plan.loading, plan.modules, arch, word)
    return {
        "device package": package.heap_bytes(plan.modules, arch, word, machine_code) + names,
        # Rows of sums and of columns (image/fit.py); for each label a string object, and its place in a list.
        "rows, labels, objects": 44 * needs.width + needs.labels + word * (6 * needs.classes + _OBJECT_WORDS),
        "arena": plan.arena,
    }


def loading_of(needs: Needs, arch: str, word: int = 4, machine_code: bool = True) -> int:
    """Bytes of heap that are needed beside those while the model is loaded, before there are any weights."""
    code = package.heap_bytes(needs.plan.loading, arch, word, machine_code)
    return code + _LOADING_WORDS * word * needs.operators + round((_SCATTER - 1) * needs.plan.arena)


def suggest(needs: Needs, board: BoardSpec) -> Needs | None:
    """The largest MobileNet of its kind, by MACs, that fits: less wide, or for smaller pictures, or both."""
    own = needs.variant
    if not own or not board.kernels:
        return None
    smaller = [
        replace(own, alpha=alpha, size=size)
        for alpha in ALPHAS[own.architecture]
        for size in SIZES
        if alpha <= own.alpha and size <= own.size and (alpha, size) != (own.alpha, own.size)
    ]
    for variant in sorted(smaller, key=lambda variant: variant.macs, reverse=True):
        if variant.weights <= max(board.filesystem, board.romfs):  # else there is no need to look closer
            candidate = needs.but(variant)
            if _judge(candidate, board).fits:
                return candidate
    return None


def _heap(needs: Needs, board: BoardSpec) -> dict[str, int]:
    return {"MicroPython": _BOOT, **heap_of(needs, board.arch, machine_code=_code_in_heap(board))}


def _code_in_heap(board: BoardSpec) -> bool:
    # Xtensa has RAM of its own for instructions: ports/esp32/main.c, esp_native_code_commit().
    return not board.arch.startswith("xtensa")


def _problem(result: Fit) -> str:
    """The first reason why it does not run, as `what it takes of what there is`, or nothing."""
    board, needs = result.board, result.needs
    if result.filesystem.used > result.filesystem.size:
        return f"files take {result.filesystem.used:,} of {result.filesystem.size:,} bytes"
    if result.loading > board.heap:
        return f"the heap has {board.heap:,} of {result.loading:,} bytes that loading takes"
    if needs.plan.arena > (board.largest_block or board.heap):
        return f"the arena takes {needs.plan.arena:,} bytes, a piece of heap has {board.largest_block:,}"
    return ""


def _seconds(
    needs: Needs, board: BoardSpec, spent: dict[str, dict[str, float]]
) -> tuple[float, float, float]:
    each = spent[board.arch]
    instructions = sum(macs * each[kind] for kind, macs in needs.macs.items())
    seconds = instructions * board.cycles_per_instruction / board.clock_hz
    return seconds * FASTER, seconds, seconds * SLOWER


def _jpeg(board: BoardSpec) -> int:
    sources = (firmware_dir() / "mobilenet").glob("image/jpeg/*.py")
    return _JPEG + package.heap_bytes(sources, board.arch, machine_code=_code_in_heap(board))


def _macs(layers: list[summary.Layer]) -> dict[str, int]:
    macs: Counter[str] = Counter()
    for layer in layers:
        if layer.macs:
            macs[layer.kind] += layer.macs
    return dict(macs)


def _variant(model: ModelDirectory, dense: tuple[int, ...]) -> Variant | None:
    height, width, channels = model.input_shape
    architecture, alpha = model.contract.get("architecture"), model.contract.get("alpha")
    if not isinstance(architecture, str) or architecture not in ALPHAS or height != width or not dense:
        return None
    if not isinstance(alpha, int | float) or not 0 < alpha <= 4:
        return None
    return Variant(architecture, alpha, width, dense, channels)


@functools.cache
def _made(variant: Variant) -> tuple[tuple[summary.Layer, ...], bytes, Plan]:
    data = variant.tflite()
    return tuple(summary.layers(data)), data, plan(data)
