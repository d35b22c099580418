# SPDX-License-Identifier: MIT
"""The verb `galago compile`."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from galago.cli.compile import compile as verb
from galago.errors import GalagoError

app = typer.Typer()
app.command()(verb)


def run(*arguments: object) -> str:
    """What it prints; its error is raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_real_kmodel_is_shown(data: Path) -> None:
    table = run(data / "kmodels" / "mbnet75.kmodel", "--inspect")
    assert "35 layers, 188,160 bytes of main RAM, output 4,000 bytes at 180,160" in table
    assert "768x7x7" in table
    assert table.count("depthwise") == 13


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["everyday-v1-025-96"], "config.invalid"),
        (["everyday-v1-025-96", "--inspect", "--head", "gpu"], "config.invalid"),
        (["everyday-v1-025-96", "--inspect", "--target", "k230"], "config.invalid"),
        (["missing.tflite", "--inspect"], "model.missing"),
        (["missing.kmodel", "--inspect"], "model.missing"),
        (["no-such-model", "--inspect"], "model.missing"),
        ([__file__ + ".kmodel"], "config.invalid"),
    ],
)
def test_errors_have_codes(arguments: list[str], code: str) -> None:
    with pytest.raises(GalagoError) as caught:
        run(*arguments)
    assert caught.value.code == code
