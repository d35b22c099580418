# SPDX-License-Identifier: MIT
"""Which network fits which board, while somebody moves a slider: `galago fit`, for networks not trained yet.

verdict("RPI_PICO2", "mobilenet_v1", 0.25, 96, classes=5)
best("RPI_PICO2", "mobilenet_v1", classes=5)
"""

import functools
from typing import Any

from galago import boards, fit, imagenet, models
from galago.errors import GalagoError
from galago.fit.variants import Variant
from galago.flash.micropython_image import NEEDS_PORT, TOOLS
from galago.train.choice import largest
from galago.train.quick_head import BODY

SIZES = (48, 64, 96, 128, 160, 192, 224)
BLOCKS = {"mobilenet_v1": (5, 6, 7, 9, 11, 0), "mobilenet_v2": (0,)}
"""How many blocks of an architecture can be kept, 0 for all; the smallest boards need short networks."""
_TITLES = {"mobilenet_v1": "MobileNet V1", "mobilenet_v2": "MobileNet V2"}
_POPULAR = (
    "RPI_PICO",
    "RPI_PICO2",
    "ESP32_GENERIC_S3",
    "ESP32_S3_EYE",
    "ARDUINO_NANO_33_BLE_SENSE",
    "OPENMV4",
)
SUFFIXES = {suffix for tool in TOOLS.values() for suffix in tool.suffixes}
"""Of the files that are images of firmware."""
_REFERENCE = "everyday-v1-025-96"


def networks() -> dict[str, Any]:
    """Returns the networks to train: what can be chosen of each architecture, and that of a quick model."""
    families = {
        name: {
            "title": _TITLES.get(name, name),
            "alphas": list(alphas),
            "sizes": list(SIZES),
            "blocks": list(BLOCKS[name]),
        }
        for name, alphas in imagenet.ALPHAS.items()
    }
    body = models.find(BODY)
    quick = {key: body.contract[key] for key in ("architecture", "alpha")} | {"size": body.input_shape[0]}
    return {"families": families, "quick": quick}


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
            "firmware": _firmware(board),
        }
        for board in boards.all()
    ]


def _firmware(board: boards.BoardSpec) -> dict[str, Any]:
    """Returns where a board's MicroPython is, and how it gets onto the board."""
    tools = [TOOLS[name] for name in board.install_with if name in TOOLS]
    return {
        "page": board.image_page,
        "suffixes": sorted({suffix for tool in tools for suffix in tool.suffixes}),
        "by_hand": tools[0].by_hand if tools else "Write the image to an SD card, as its page says.",
        "needs_port": all(tool.name in NEEDS_PORT for tool in tools),
    }


@functools.lru_cache(512)
def verdict(
    board_id: str, architecture: str, alpha: float, size: int, classes: int, blocks: int = 0
) -> dict[str, Any]:
    """Returns whether a network fits a board, and what it takes. Raises studio.request, board.unknown."""
    known = alpha in imagenet.ALPHAS.get(architecture, ()) and blocks in BLOCKS[architecture]
    if not known or size not in SIZES:
        raise GalagoError("studio.request", "no such network: reload the page")
    board = known_board(board_id)
    variant = Variant(architecture, alpha, size, (classes,), blocks=blocks)
    requirements = fit.Requirements.of(models.find(_REFERENCE)).for_variant(variant)
    result = fit.check(requirements, board)
    seconds = [round(value * 1000, 1) for value in result.seconds] if any(result.seconds) else None
    return {
        "architecture": architecture,
        "alpha": alpha,
        "size": size,
        "blocks": blocks,
        "fits": result.fits,
        "form": result.form,
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


def of_model(model: models.ModelDirectory, board_id: str) -> dict[str, Any]:
    """Returns whether a trained model fits a board, and seconds per picture. Raises board.unknown."""
    requirements, board = fit.Requirements.of(model), known_board(board_id)
    result = fit.check(requirements, board)
    milliseconds = [round(value * 1000, 1) for value in result.seconds] if any(result.seconds) else None
    with_card = not result.fits and fit.check(requirements, board, card=True).fits
    return {"fits": result.fits, "why": result.problem or None, "with_card": with_card, "ms": milliseconds}


@functools.lru_cache(128)
def best(board_id: str, architecture: str, classes: int) -> dict[str, Any]:
    """Returns the network that `galago train --board` chooses. Raises memory.heap, board.unknown."""
    chosen, why = largest(known_board(board_id).id, architecture, classes, small=True)
    found = verdict(board_id, architecture, chosen.alpha, chosen.size, classes, chosen.blocks)
    return {**found, "reason": why}


def known_board(board_id: str) -> boards.BoardSpec:
    """Returns a board of the list. Raises board.unknown."""
    if board_id not in {row["id"] for row in board_rows()}:  # `boards.load` takes paths, too
        raise GalagoError("board.unknown", f"no board {board_id!r:.40}: choose one of the list")
    return boards.load(board_id)
