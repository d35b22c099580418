# SPDX-License-Identifier: MIT
"""What a sweep chooses from: MobileNets that fit the boards, and settings of their training.

    space = Space([boards.load("RPI_PICO2")], labels=["daisy", "roses"], limits={"RPI_PICO2": 200})
    space.costs(Variant("mobilenet_v1", 0.25, 96, (2,)))        # {"RPI_PICO2": Cost(...)}, {} if it fits none

Whether a variant fits is decided from its shapes by galago.fit, before anything is trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from galago import fit, imagenet, models
from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.fit import capacity, machine_code
from galago.fit.variants import SIZES, Variant
from galago.train.recipe import Teacher

BLOCKS = (0, 5, 6, 7, 9, 11)
"""How many blocks of V1 are kept, 0 for all 13: five sixths of the weights are in the last six."""
_REFERENCE = "everyday-v1-025-96"  # its contract is as long as any


@dataclass(frozen=True)
class Cost:
    """What a model takes on a board, as galago.fit counts and estimates it."""

    milliseconds: float
    """Of one inference, estimated; reading streamed weights is not included."""
    instructions: int
    """Of one inference, counted per layer and added up."""
    heap: int
    """Bytes of heap while the model is loaded, its weights included unless they are used in place."""
    weights: str
    """in place, RAM or streamed."""

    @classmethod
    def of(cls, verdict: fit.Verdict) -> "Cost":
        """The cost of a model that fits."""
        seconds, board = verdict.seconds[1], verdict.board
        instructions = round(seconds * board.clock_hz / board.cycles_per_instruction)
        return cls(seconds * 1000, instructions, sum(verdict.heap.values()), str(verdict.weights))


@dataclass(frozen=True)
class Settings:
    """What a sweep varies about a training; the defaults are those of `galago train`."""

    learning_rate: float = 1.0
    """Times the usual one."""
    smallest_area: float = 0.35
    """The smallest share of a photo that a view shows."""
    mixup: float = 0.1
    teacher: bool = False
    """Whether half of the targets are what `TEACHER` predicts."""
    longer: int = 1
    """Times the usual number of epochs."""


LEARNING_RATES, AREAS, MIXUPS = (0.5, 1.0, 2.0), (0.35, 0.5, 0.65), (0.0, 0.1, 0.2)
TEACHER = Teacher("mobilenet_v1", 1.0, pretrained_size=224, input_size=160, weight=0.5)


@dataclass(frozen=True)
class Candidate:
    """A network and a training that a trial may have."""

    draw: int
    """Its place in the order of all candidates that a seed gives."""
    variant: Variant
    settings: Settings
    costs: dict[str, Cost]
    """What it takes on each board that it fits, by the board's id."""
    known: bool = False
    """Whether a shipped model was made so: it is not stopped early."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def of_dict(cls, values: dict[str, Any]) -> "Candidate":
        """The candidate that `as_dict` describes."""
        variant = Variant(**{**values["variant"], "outputs": tuple(values["variant"]["outputs"])})
        costs = {board: Cost(**cost) for board, cost in values["costs"].items()}
        known = bool(values.get("known"))
        return cls(values["draw"], variant, Settings(**values["settings"]), costs, known)


class Space:
    """The networks for some boards and classes.

    `limits` has the most milliseconds of one inference on each board, by the board's id. Raises board.none if
    a board has no room or time for any network.
    """

    def __init__(
        self, boards: Sequence[BoardSpec], labels: Sequence[str], limits: Mapping[str, float]
    ) -> None:
        self.boards, self._limits = list(boards), dict(limits)
        self.requirements = replace(
            fit.Requirements.of(models.find(_REFERENCE)),
            classes=len(labels),
            labels=sum(len(label.encode()) for label in labels),
        )
        self._require_any()

    def variants(self) -> list[Variant]:
        """All networks that any board may have room and time for; most of them will fit."""
        classes = (self.requirements.classes,)
        every = [
            Variant(architecture, alpha, size, classes, blocks=blocks)
            for architecture, alphas in imagenet.ALPHAS.items()
            for alpha in alphas
            for size in SIZES
            for blocks in (BLOCKS if architecture == "mobilenet_v1" else (0,))
        ]
        return [variant for variant in every if any(self._possible(variant, board) for board in self.boards)]

    def costs(self, variant: Variant) -> dict[str, Cost]:
        """What a network takes on each board that it fits within its limit, by the board's id."""
        costs = {}
        for board in self.boards:
            if self._possible(variant, board):
                verdict = fit.check(self.requirements.for_variant(variant), board)
                if verdict.fits and verdict.seconds[1] * 1000 <= self._limits[board.id]:
                    costs[board.id] = Cost.of(verdict)
        return costs

    def _require_any(self) -> None:
        """Whether a board fits the smallest network decides whether it fits any: all figures grow with it."""
        smallest = Variant(
            "mobilenet_v1",
            min(imagenet.ALPHAS["mobilenet_v1"]),
            min(SIZES),
            (self.requirements.classes,),
            blocks=min(BLOCKS[1:]),
        )
        for board in self.boards:
            verdict = fit.check(self.requirements.for_variant(smallest), board)
            slow = (
                f"it takes about {verdict.seconds[1] * 1000:.1f} ms"
                if verdict.seconds[1] * 1000 > self._limits[board.id]
                else ""
            )
            if problem := verdict.problem or slow:
                raise GalagoError(
                    "board.none",
                    f"{board.id}: not even {smallest.name}, the smallest network, fits: {problem}: use "
                    "a larger board, or allow more time with --max-ms",
                )

    def _possible(self, variant: Variant, board: BoardSpec) -> bool:
        """Whether a network may fit: a quick test before the engine plans it."""
        if not board.kernels or variant.weights > max(board.file_space, board.romfs):
            return False
        fewest = variant.macs * _fewest_instructions(board) * board.cycles_per_instruction / board.clock_hz
        return fewest * 1000 <= self._limits[board.id]


def _fewest_instructions(board: BoardSpec) -> float:
    """Instructions per MAC of the fastest kernel that a board runs."""
    native = machine_code.INSTRUCTIONS.get(board.arch) if "native" in board.kernels else None
    return min((native or capacity.VIPER_INSTRUCTIONS[board.arch]).values())
