# SPDX-License-Identifier: MIT
"""Which network fits which board, while somebody moves a slider: `galago fit`, for networks not trained yet.

verdict("RPI_PICO2", "mobilenet_v1", 0.25, 96, classes=5)
best("RPI_PICO2", "mobilenet_v1", classes=5)
"""

import functools
from dataclasses import replace
from typing import Any

from galago import boards, fit, imagenet, models
from galago.errors import GalagoError
from galago.fit.variants import Variant
from galago.train.choice import largest

SIZES = (64, 96, 128, 160, 192, 224)
_TITLES = {"mobilenet_v1": "MobileNet V1", "mobilenet_v2": "MobileNet V2"}
_POPULAR = (
    "RPI_PICO",
    "RPI_PICO2",
    "ESP32_GENERIC_S3",
    "ESP32_S3_EYE",
    "ARDUINO_NANO_33_BLE_SENSE",
    "OPENMV4",
)
_REFERENCE = "everyday-v1-025-96"


def architectures() -> dict[str, Any]:
    """Returns the networks that there are: widths and input sizes of each architecture."""
    return {
        name: {"title": _TITLES.get(name, name), "alphas": list(alphas), "sizes": list(SIZES)}
        for name, alphas in imagenet.ALPHAS.items()
    }


@functools.cache
def board_rows() -> list[dict[str, Any]]:
    """Returns what a page shows of each board."""
    return [
        {
            "id": board.id,
            "name": board.name,
            "cores": board.core,
            "heap": board.heap,
            "files": board.filesystem,
            "camera": board.camera is not None,
            "popular": board.id in _POPULAR,
        }
        for board in boards.all()
    ]


@functools.lru_cache(512)
def verdict(board_id: str, architecture: str, alpha: float, size: int, classes: int) -> dict[str, Any]:
    """Returns whether a network fits a board, and what it takes. Raises studio.request, board.unknown."""
    if alpha not in imagenet.ALPHAS.get(architecture, ()) or size not in SIZES:
        raise GalagoError("studio.request", "no such network: reload the page")
    board = _board(board_id)
    variant = Variant(architecture, alpha, size, (classes,))
    requirements = replace(fit.Requirements.of(models.find(_REFERENCE)), classes=classes).for_variant(variant)
    result = fit.check(requirements, board)
    seconds = [round(value * 1000, 1) for value in result.seconds] if any(result.seconds) else None
    return {
        "architecture": architecture,
        "alpha": alpha,
        "size": size,
        "fits": result.fits,
        "why": result.problem or None,
        "weights": result.weights,
        "arena": requirements.network.plan.arena,
        "files": result.filesystem.used,
        "files_size": result.filesystem.size,
        "heap": sum(result.heap.values()),
        "heap_size": board.heap,
        "ms": seconds,
        "instructions": round(result.seconds[1] * board.clock_hz / board.cycles_per_instruction),
        "macs": variant.macs,
    }


@functools.lru_cache(128)
def best(board_id: str, architecture: str, classes: int) -> dict[str, Any]:
    """Returns the largest network that fits a board with room to spare. Raises memory.heap, board.unknown."""
    variant, why = largest(_board(board_id).id, architecture, classes)
    return {**verdict(board_id, architecture, variant.alpha, variant.size, classes), "reason": why}


def _board(board_id: str) -> boards.BoardSpec:
    if board_id not in {row["id"] for row in board_rows()}:  # `boards.load` takes paths, too
        raise GalagoError("board.unknown", f"no board {board_id!r:.40}: choose one of the list")
    return boards.load(board_id)
