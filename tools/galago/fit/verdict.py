# SPDX-License-Identifier: MIT
"""Whether a model runs on a board in the built-in engine, and how.

verdict = check(requirements, board)
verdict.fits, verdict.problem, verdict.weights, verdict.heap, verdict.seconds
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

from galago.boards import BoardSpec, Kernels
from galago.fit import capacity, machine_code, package, small
from galago.fit.machine_code import MachineCode
from galago.fit.requirements import Requirements
from galago.fit.variants import SIZES
from galago.imagenet import ALPHAS

Weights = Literal["in place", "RAM", "streamed"]
"""In place: read from a ROMFS. RAM: copied at load. Streamed: read from the file at each use."""


class Use(NamedTuple):
    """Bytes in use of a limited resource, and its size in bytes."""

    used: int
    size: int


Form = Literal["whole", "trimmed", "small"]
"""The device package on a board: all of it, what its model needs, or the small form (galago.small)."""

_NOTHING = Use(0, 0)


@dataclass(frozen=True)
class Verdict:
    """A model on a board. `problem` is empty if it fits; then `weights` says where they are.

    There are no figures for a board on which the built-in engine does not run.
    """

    board: BoardSpec
    requirements: Requirements
    problem: str
    """Why the model does not fit, as `what it takes of what there is`; empty if it fits."""
    kernels: Kernels = "viper"
    """What computes the layers."""
    weights: Weights | None = None
    filesystem: Use = _NOTHING
    form: Form = "whole"
    """The largest form of the device package for which there is room."""
    files: dict[str, int] = field(default_factory=dict)
    """Bytes of file system by what takes them; each file takes whole blocks."""
    romfs: Use = _NOTHING
    card: int = 0
    """Bytes of files on an SD card."""
    heap: dict[str, int] = field(default_factory=dict)
    """Bytes of heap by what takes them, once the model is loaded."""
    loading: int = 0
    """The largest number of bytes of heap in use while the model is loaded."""
    jpeg: bool = False
    """Whether there is also room to decode JPEG pictures of 640 x 480."""
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Seconds of one inference: at best, estimated, at worst. Reading streamed weights is not included."""

    @property
    def fits(self) -> bool:
        """Whether the model runs on the board."""
        return not self.problem


def check(requirements: Requirements, board: BoardSpec, card: bool = False) -> Verdict:
    """Whether and how a model runs on a board in the built-in engine: in machine code if there is room.

    With `card` the model lies on an SD card, which the small form cannot use. Raises GalagoError
    model.malformed, model.operator or model.quantization, as a board would.
    """
    if not board.kernels:
        runtimes = " or ".join(board.backends)
        return Verdict(board, requirements, f"it runs models made for {runtimes}, not .tflite")
    spare = _spare(requirements, board)
    in_viper = _check(requirements, board, spare, card=card)
    if in_viper.fits and "native" in board.kernels:
        code = machine_code.of(requirements.network, board.instruction_set)
        if code:
            planned = replace(requirements, network=replace(requirements.network, plan=code.plan))
            native = _check(planned, board, spare, code, card)
            if native.fits:
                return replace(native, requirements=requirements)
    own, no_room = requirements.variant, in_viper.filesystem.used > in_viper.filesystem.size
    possible = requirements.model or (own and own.weights <= max(board.file_space, board.romfs))
    if no_room and possible and "native" in board.kernels and not card:
        form = small.of(requirements, board.arch)
        if form:
            return _check_small(requirements, board, form)
    return in_viper


def suggest(requirements: Requirements, board: BoardSpec, card: bool = False) -> Requirements | None:
    """The MobileNet with the most MACs that fits: with a smaller width or a smaller input, or both.

    With `card` it lies on an SD card. None if no smaller one fits, or if the model is not a MobileNet.
    """
    own = requirements.variant
    if not own or not board.kernels:
        return None
    smaller = [
        replace(own, alpha=alpha, size=size)
        for alpha in ALPHAS[own.architecture]
        for size in SIZES
        if alpha <= own.alpha and size <= own.size and (alpha, size) != (own.alpha, own.size)
    ]
    for variant in sorted(smaller, key=lambda variant: variant.macs, reverse=True):
        if card or variant.weights <= max(board.file_space, board.romfs):  # a quick test before the plan
            candidate = requirements.for_variant(variant)
            if _check(candidate, board, _spare(candidate, board), card=card).fits:
                return candidate
    return None


def _spare(requirements: Requirements, board: BoardSpec) -> list[set[Path]]:
    camera = board.camera
    module = camera.module if camera else ""
    return package.spare(requirements.network.plan, board.backends, camera is not None, module)


def _check(
    requirements: Requirements,
    board: BoardSpec,
    spare: list[set[Path]],
    code: MachineCode | None = None,
    card: bool = False,
) -> Verdict:
    """Check with the whole device package, and without the first or second of `spare` if it has no room."""
    network, in_heap = requirements.network, capacity.code_in_heap(board)
    kernels = code.file if code else 0
    library, model = capacity.files_of(requirements, board.arch, board.block, kernels)
    in_rom = model <= board.romfs and not card
    in_files = 0 if in_rom or card else model
    left = iter(spare)
    left_out: set[Path] = set()
    while library + in_files > board.file_space and (following := next(left, None)):
        left_out = following
        library, _ = capacity.files_of(requirements, board.arch, board.block, kernels, left_out)
    form: Form = "trimmed" if left_out else "whole"
    heap = {"MicroPython": capacity.BOOT}
    heap |= capacity.heap_of(requirements, board.arch, machine_code=in_heap)
    if code and in_heap:
        heap["machine code"] = code.size
        heap["machine code for pictures"] = package.picture(board.arch).code
    loaded = sum(heap.values())
    loading = loaded + capacity.loading_of(requirements)
    weights: Weights = "in place" if in_rom else "RAM"
    if not in_rom:
        block = board.largest_block or board.heap
        if board.heap - loaded > network.size + capacity.SPARE and network.size <= block:
            heap["weights"] = network.size
        else:
            weights, heap["weights buffer"] = "streamed", network.plan.stream_buffer
    used = sum(heap.values())
    verdict = Verdict(
        board=board,
        requirements=requirements,
        problem="",
        kernels="native" if code else "viper",
        weights=weights,
        form=form,
        files={"device package, trimmed" if left_out else "device package": library}
        | ({"model and its kernels": in_files} if in_files else {}),
        filesystem=Use(library + in_files, board.file_space),
        romfs=Use(model if in_rom else 0, board.romfs),
        card=model if card else 0,
        heap=heap,
        loading=max(loading, used),
        jpeg=left_out != spare[-1] and board.heap - used >= capacity.jpeg_of(board),
        seconds=capacity.seconds(
            network,
            board,
            machine_code.INSTRUCTIONS if code else capacity.VIPER_INSTRUCTIONS,
            machine_code=bool(code),
            streamed=weights == "streamed",
        ),
    )
    return replace(verdict, problem=_problem(verdict))


def _check_small(requirements: Requirements, board: BoardSpec, form: small.SmallFiles) -> Verdict:
    """Check with the small form of the device package: one model, planned on the host."""
    package, model = small.files_of(form, board)
    in_rom = model <= board.romfs
    heap = {"MicroPython": small.MICROPYTHON} | small.heap_of(form, requirements.labels, requirements.classes)
    loaded = sum(heap.values())
    weights: Weights = "in place" if in_rom else "RAM"
    if not in_rom and board.heap - loaded > form.weights + small.SPARE:
        heap["weights"] = form.weights
    elif not in_rom:
        weights, heap["weights buffer"] = "streamed", form.buffer
    used = sum(heap.values())
    verdict = Verdict(
        board=board,
        requirements=requirements,
        problem="",
        kernels="native",
        weights=weights,
        form="small",
        files={"device package, small": package} | ({} if in_rom else {"model": model}),
        filesystem=Use(package if in_rom else package + model, board.file_space),
        romfs=Use(model if in_rom else 0, board.romfs),
        heap=heap,
        loading=max(used + small.RUNNING, loaded + small.loading_of(form)),
        seconds=capacity.seconds(
            requirements.network, board, machine_code.INSTRUCTIONS, machine_code=True, streamed=True
        ),
    )
    return replace(verdict, problem=_problem(verdict))


def _problem(verdict: Verdict) -> str:
    """The first reason why the model does not run, as `what it takes of what there is`; empty if it runs."""
    board, arena = verdict.board, verdict.requirements.network.plan.arena
    if verdict.filesystem.used > verdict.filesystem.size:
        return f"files take {verdict.filesystem.used:,} of {verdict.filesystem.size:,} bytes"
    if verdict.loading > board.heap:
        return f"loading takes {verdict.loading:,} of {board.heap:,} bytes of heap"
    if arena > (board.largest_block or board.heap):
        return f"the arena takes {arena:,} of {board.largest_block:,} bytes, the largest block of the heap"
    return ""
