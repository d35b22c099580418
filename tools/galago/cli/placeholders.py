# SPDX-License-Identifier: MIT
"""What a verb's help shows in place of a value: `--port PORT`, where typer would show `--port <str>`."""

import typing
from collections.abc import Callable
from inspect import get_annotations
from typing import Any

from typer.models import ParameterInfo


def name_values(verb: Callable[..., Any]) -> None:
    """Names each value after its parameter, unless it has a `metavar`; docgen.verbs does the same."""
    for name, hint in get_annotations(verb).items():
        for info in getattr(hint, "__metadata__", ()):
            if isinstance(info, ParameterInfo) and info.metavar is None and not _is_flag(hint.__origin__):
                info.metavar = name.upper()


def _is_flag(kind: Any) -> bool:
    return bool in (kind, *typing.get_args(kind))
