# SPDX-License-Identifier: MIT
"""What the values of a recipe.toml may be: beyond these limits a training fails late or means nothing.

expectation("epochs", -3)       # "from 0 to 100,000"
"""

import math
import re
from collections.abc import Callable
from typing import Any

_Rule = tuple[str, Callable[[Any], bool]]


def _between(low: float, high: float) -> _Rule:
    return f"from {low:g} to {high:,g}", lambda v: _is_number(v) and low <= v <= high


def _share(low: float, high: float) -> _Rule:
    def valid(value: Any) -> bool:
        return (
            isinstance(value, list | tuple)
            and len(value) == 2
            and all(map(_is_number, value))
            and low <= value[0] <= value[1] <= high
        )

    return f"two numbers from {low:g} to {high:g}, the smaller one first", valid


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _layers(*names: str) -> _Rule:
    return " or ".join(names), lambda v: v in names


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_STRENGTH = _between(0, 1)
_RULES: dict[str, _Rule] = {
    # As in model.json: the name becomes a path on the board.
    "name": ("letters, digits, '.', '_' and '-', at most 64", lambda v: bool(_NAME.fullmatch(v))),
    "architecture": _layers("mobilenet_v1", "mobilenet_v2"),
    "layers": _layers("head", "spatial", "all"),
    "alpha": _between(0.05, 2),
    "size": _between(32, 512),
    "input_size": _between(32, 512),
    "pretrained_size": _between(0, 512),
    "blocks": _between(0, 13),
    "seed": _between(0, 2**32 - 1),
    "validation": _between(0, 0.9),
    "batch": _between(1, 4096),
    "label_smoothing": _between(0, 0.9),
    "epochs": _between(0, 100_000),
    "steps": _between(1, 1_000_000),
    "patience": _between(0, 100_000),
    "learning_rate": _between(1e-9, 10),
    "weight": _between(0, 1000),
    "class_weight": _between(0, 1000),
    "class_loss": _between(0, 1000),
    "crops": _between(0, 1000),
    "outside": _between(0, 1000),
    "threads": _between(0, 1024),
    "area": _share(0.01, 1),
    "crop": _share(0.01, 1),
    "aspect": _between(1, 10),
    "mixup": _between(0, 10),
    "jitter": _between(0, 10),
    **dict.fromkeys(("brightness", "contrast", "saturation", "hue", "gain", "blur", "noise"), _STRENGTH),
    **dict.fromkeys(("rgb565", "share"), _STRENGTH),
}


def expectation(name: str, value: Any) -> str | None:
    """Return in words what a value of a recipe should be; None if it is that, or has no limits."""
    text, is_valid = _RULES.get(name, ("", lambda v: True))
    return None if is_valid(value) else text
