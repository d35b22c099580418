# SPDX-License-Identifier: MIT
"""docs/import.md: its console blocks are run as printed and their output compared, its commands parsed."""

import re
import shlex
import shutil
import zipfile
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from galago.cli import app
from galago.resources import boards_dir

PAGE = (boards_dir().parent / "docs" / "import.md").read_text()


@pytest.mark.slow
def test_the_outputs_are_those_that_are_printed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is MLPerf Tiny's visual wake words, as Teachable Machine exports its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(data / "weights" / "vww_96_float.tflite", tmp_path)
    with zipfile.ZipFile("converted_tflite_quantized.zip", "w") as file:
        file.write(data / "weights" / "vww_96_int8.tflite", "model.tflite")
        file.writestr("labels.txt", "0 no person\n1 person\n")
    blocks = re.findall(r"```console\n\$ galago (.*?)\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    for command, printed in blocks:
        result = CliRunner().invoke(app, shlex.split(command))
        found = result.output if result.exit_code == 0 else f"galago: {result.exception}\n"
        assert found == printed, command


def test_the_commands_of_the_page_are_valid() -> None:
    command = typer.main.get_command(app)
    verbs = command.commands  # pyright: ignore[reportAttributeAccessIssue]
    commands = [line for line in re.findall(r"`galago (import [^`]+)`", PAGE) if "FILE" not in line]
    assert len(commands) > 8
    for line in commands:
        verb, *words = shlex.split(line)
        verbs[verb].make_context(verb, words)
