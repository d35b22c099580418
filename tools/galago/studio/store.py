# SPDX-License-Identifier: MIT
"""JSON files that are replaced in one step, so that a killed server leaves the old or the new content.

write_json(path, value)
read_json(path, default={})     # the default for a missing or damaged file
"""

import json
import os
from pathlib import Path
from typing import Any

WORK = ".galago"
"""The folder of a project that holds what the studio adds; `galago.dataset` skips it."""


def write_json(path: Path, value: Any) -> None:
    """Writes a value as JSON; creates the folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    part.replace(path)


def read_json(path: Path, default: Any) -> Any:
    """Returns the value of a JSON file of the type of `default`, which a missing or damaged file gives."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return default
    return value if isinstance(value, type(default)) else default
