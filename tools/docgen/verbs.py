# SPDX-License-Identifier: MIT
"""Documents the commands of `galago`: what `--help` shows, as Markdown.

for name, page in verbs.pages().items():        # "classify", "dataset check", …
    print(page)
"""

import inspect
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import typer
from typer.models import ArgumentInfo, OptionInfo, ParameterInfo

from docgen.table import table
from galago import cli


def pages() -> dict[str, str]:
    """Returns the Markdown page of each command by its name, in the order of `galago --help`."""
    return {name: _page(name, callback) for name, callback in _commands(cli.app)}


def summaries() -> dict[str, str]:
    """Returns the first paragraph of each command's help by its name."""
    return {name: _paragraphs(callback)[0] for name, callback in _commands(cli.app)}


def _commands(app: typer.Typer, group: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for command in app.registered_commands:
        assert command.callback
        yield group + (command.name or command.callback.__name__.replace("_", "-")), command.callback
    for subgroup in app.registered_groups:
        assert subgroup.typer_instance
        yield from _commands(subgroup.typer_instance, f"{group}{subgroup.name} ")


def _page(name: str, callback: Callable[..., Any]) -> str:
    arguments, options = [], []
    usage = f"galago {name}"
    for parameter, info in _parameters(callback):
        if isinstance(info, ArgumentInfo):
            metavar = info.metavar or parameter.name.upper()
            shown = f"{metavar}…" if _is_list(parameter) else metavar
            usage += f" {shown}" if parameter.default is parameter.empty else f" [{shown}]"
            arguments.append((f"`{metavar}`", _meaning(parameter, info)))
        else:
            options.append((f"`{_spelling(parameter, info)}`", _meaning(parameter, info)))
    usage += " [OPTIONS]" if options else ""
    parts = [f"# galago {name}", *_paragraphs(callback), f"```sh\n{usage}\n```"]
    if arguments:
        parts += ["## Arguments", table(("argument", "meaning"), arguments)]
    if options:
        parts += ["## Options", table(("option", "meaning"), options)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _paragraphs(callback: Callable[..., Any]) -> list[str]:
    return (inspect.getdoc(callback) or "").split("\n\n")


def _parameters(callback: Callable[..., Any]) -> Iterator[tuple[inspect.Parameter, ParameterInfo]]:
    hints = typing.get_type_hints(callback, include_extras=True)
    for parameter in inspect.signature(callback).parameters.values():
        for info in getattr(hints[parameter.name], "__metadata__", ()):
            if isinstance(info, ParameterInfo) and not getattr(info, "hidden", False):
                yield parameter, info


def _is_list(parameter: inspect.Parameter) -> bool:
    kind = parameter.annotation.__origin__
    return list in (typing.get_origin(kind), *map(typing.get_origin, typing.get_args(kind)))


def _spelling(parameter: inspect.Parameter, info: ParameterInfo) -> str:
    """Returns an option as it is typed: `--board BOARD`, `--json`."""
    # In Annotated, typer.Option("--json") has its first name as `default`.
    names = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    flag = "--" + parameter.name.replace("_", "-")
    if isinstance(parameter.default, bool):
        return ", ".join(names) or (f"{flag} / --no-{flag[2:]}" if parameter.default else flag)
    return f"{', '.join(names) or flag} {info.metavar or parameter.name.upper()}"


def _meaning(parameter: inspect.Parameter, info: ParameterInfo) -> str:
    """Returns the help of a parameter, followed by its default unless that is a switch, None or empty."""
    meaning = (info.help or "").replace("  [default: ", " Default: ").removesuffix("]")
    value = parameter.default.value if isinstance(parameter.default, Enum) else parameter.default
    if value is parameter.empty and isinstance(info, OptionInfo):
        return f"{meaning} Required."
    unsaid = isinstance(value, bool) or value in (None, "", (), [], parameter.empty)
    if "Default: " in meaning or not info.show_default or unsaid:
        return meaning
    return f"{meaning} Default: `{value}`"
