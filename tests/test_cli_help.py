# SPDX-License-Identifier: MIT
"""Every `--help` shows its text whole: nothing in it is taken for markup."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from galago.cli import app


def commands(command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its path of names, groups included."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def letters(text: str) -> str:
    """The text without spaces, frames and the back-quotes of code."""
    return "".join(text.replace("`", "").replace("│", "").split())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_shows_every_word(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "400"})
    assert done.exit_code == 0
    shown = letters(done.output)
    command = ALL[path]
    for text in (command.help, *(getattr(each, "help", None) for each in command.params)):
        assert letters(text or "") in shown


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_fits_a_window_of_80_columns(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"})
    assert max(map(len, done.output.splitlines())) <= 80
    assert "..." not in done.output.partition("Commands:")[2]  # no sentence is cut


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_names_values_for_people(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "120"})
    usage = done.output.partition("\n\n")[0]
    assert not re.findall(r"[\[{][a-z_]+[\]}]", usage), usage
    assert not re.findall(r"--[\w-]+ <(?:str|int|float|path|list)", done.output)


def test_verbs_that_train_name_their_extra() -> None:
    for verb in ("train", "quantize", "zoo"):
        assert ".[train]" in CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "80"}).output
