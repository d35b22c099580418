# SPDX-License-Identifier: MIT
"""Bytes of file system and heap, and seconds, that a model takes on a board.

heap_of(requirements, "armv7emsp")      # {"device package": …, "arena": …}
seconds(requirements.network, board, VIPER_INSTRUCTIONS)
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from galago.boards import BoardSpec
from galago.fit import file_system, package
from galago.fit.network import Network
from galago.fit.requirements import Requirements
from galago.models import CONTRACT
from galago.resources import firmware_dir

# Instructions per MAC of the engine's viper kernels, counted exactly in Unicorn for the shipped model
# (python -m galago.native.verify.count MODEL). Xtensa has the figures of RV32, to which
# QEMU adds about a tenth (docs/benchmarks.md).
_RV32 = {"convolution": 18.15, "depthwise": 29.50, "pointwise": 10.31, "fully connected": 25.61}
_THUMB2 = {"convolution": 20.52, "depthwise": 33.26, "pointwise": 11.62, "fully connected": 27.41}
_THUMB1 = {"convolution": 20.72, "depthwise": 33.76, "pointwise": 11.72, "fully connected": 27.73}
VIPER_INSTRUCTIONS = {"rv32imc": _RV32, "xtensa": _RV32, "xtensawin": _RV32, "armv6m": _THUMB1}
VIPER_INSTRUCTIONS |= dict.fromkeys(("armv7m", "armv7em", "armv7emsp", "armv7emdp", "helium"), _THUMB2)

# Instructions of MicroPython around the kernels: what whole inferences on emulated chips (docs/chips.md) take
# beyond the kernels. Two models call kernels 195 times; one of them has 368 values of softmax, in viper.
# Where weights are not streamed, all calls of machine code are one.
_CALL = 7_000
_SOFTMAX, _COMPILED_SOFTMAX = 700, 150  # per value

# Cycles of an instruction where kernels are Helium code, relative to others: most take two for 16 bytes. On
# silicon, CMSIS-NN's take 1.2 in convolutions and up to 1.75 in depthwise layers.
_HELIUM = 1.5

FASTER, SLOWER = 0.7, 1.6
"""The factors within which the estimated time is right: cycles per instruction are a guess at wait states and
caches."""

BOOT = 6_256
"""Bytes of heap in use at the prompt: gc.mem_alloc() on a Pico 2, MicroPython 1.28.0."""
SPARE = 16_384
"""Bytes that the engine leaves free beside weights in RAM (tflite/loading/__init__.py)."""

# Needed while a model with a stored plan is loaded, found by shrinking the emulated board's heap: how many
# times the arena must be free, to find it in one piece among what is in use then.
_SCATTER = 2.25
_OBJECT_WORDS = 300  # Classifier, Model, Interpreter and Resizer with their dicts and views
_PLAN, _PLAN_OPERATOR = 400, 176  # bytes of model.plan, and of each operator in it, rounded up
_JPEG = 46_000  # bytes of buffers to decode a JPEG of 640 x 480, found in the same way


def files_of(
    requirements: Requirements, arch: str, block: int, kernels: int = 0, spare: Collection[Path] = ()
) -> tuple[int, int]:
    """Bytes of file system that the device package with main.py takes, and the model, each with its folders.

    `block` is the unit of the file system, and `kernels` the size of the machine code beside the model, in
    bytes. The source files in `spare` are not counted.
    """
    network = requirements.network
    sizes = {
        "model.tflite": network.size,
        CONTRACT: requirements.contract,
        "model.plan": _plan_bytes(network),
    }
    if kernels:
        sizes |= {"kernels.mpy": kernels, "viper.plan": _plan_bytes(network)}
    model = {f"/models/model/{name}": size for name, size in sizes.items()}
    return (
        file_system.bytes_of(package.board_files(arch, arch if kernels else None, spare), block),
        file_system.bytes_of(model, block),
    )


def heap_of(
    requirements: Requirements, arch: str, word: int = 4, machine_code: bool = True
) -> dict[str, int]:
    """Bytes of heap that a loaded Classifier takes, without weights, by what takes them.

    `word` is in bytes. Without `machine_code` that code lies outside the heap, as on the emulated board.
    """
    plan, classes = requirements.network.plan, requirements.classes
    names = package.names_bytes(plan.loading, plan.modules, arch, word)
    return {
        "device package": package.heap_bytes(plan.modules, arch, word, machine_code) + names,
        # Rows of sums and of columns (image/resize.py); per label a string object, and its place in a list.
        "rows, labels, objects": 52 * requirements.width
        + requirements.labels
        + word * (6 * classes + _OBJECT_WORDS),
        "arena": plan.arena,
    }


def loading_of(requirements: Requirements) -> int:
    """Additional bytes of heap that are in use while the model is loaded, before there are any weights.

    `galago flash` has stored the plan of the model. Without it the board plans, and needs the modules that do
    that as well.
    """
    network = requirements.network
    return _plan_bytes(network) + round((_SCATTER - 1) * network.plan.arena)


def jpeg_of(board: BoardSpec) -> int:
    """Bytes of heap that decoding a JPEG of 640 x 480 takes."""
    sources = tuple((firmware_dir() / "mobilenet").glob("image/jpeg/*.py"))
    return _JPEG + package.heap_bytes(sources, board.arch, machine_code=code_in_heap(board))


def _plan_bytes(network: Network) -> int:
    return _PLAN + _PLAN_OPERATOR * network.operators


def code_in_heap(board: BoardSpec) -> bool:
    """Whether a board keeps machine code in the heap."""
    # Xtensa has RAM of its own for instructions: ports/esp32/main.c, esp_native_code_commit().
    return not board.arch.startswith("xtensa")


def seconds(
    network: Network,
    board: BoardSpec,
    instructions: Mapping[str, Mapping[str, float]],
    machine_code: bool = False,
    streamed: bool = False,
) -> tuple[float, float, float]:
    """Seconds of one inference: at best, estimated, at worst.

    `instructions` are per MAC, by architecture and by kind of layer, in viper or `machine_code`; `streamed`
    says whether the weights are.
    """
    per_mac = instructions[board.instruction_set]
    kernels = sum(macs * per_mac[kind] for kind, macs in network.macs.items())
    if machine_code and board.instruction_set == "helium":
        kernels *= _HELIUM
    calls = 1 if machine_code and not streamed else network.plan.calls
    softmax = _COMPILED_SOFTMAX if machine_code else _SOFTMAX
    count = kernels + _CALL * calls + softmax * network.softmax
    estimate = count * board.cycles_per_instruction / board.clock_hz
    return estimate * FASTER, estimate, estimate * SLOWER
