# SPDX-License-Identifier: MIT
"""The command `galago`: one file per verb, which imports what it needs when it runs; so --help is fast."""

import sys
from collections.abc import Callable
from typing import Any

import typer

from galago import __version__
from galago.cli.bench import bench
from galago.cli.boards import boards
from galago.cli.camera import camera
from galago.cli.classify import classify
from galago.cli.compile import compile as compile_kmodel
from galago.cli.config import config
from galago.cli.dataset import app as dataset
from galago.cli.doctor import doctor
from galago.cli.emulate import emulate
from galago.cli.evaluate import evaluate
from galago.cli.export import export
from galago.cli.fit import fit
from galago.cli.flash import flash
from galago.cli.import_ import import_model
from galago.cli.inspect import inspect
from galago.cli.monitor import monitor
from galago.cli.placeholders import name_values
from galago.cli.quantize import quantize
from galago.cli.sign import sign
from galago.cli.streams import safe_streams
from galago.cli.studio import studio
from galago.cli.sweep import sweep
from galago.cli.train import train
from galago.cli.zoo import zoo
from galago.errors import GalagoError, of_file

app = typer.Typer(
    help="MobileNet image classifiers on microcontrollers under stock MicroPython.",
    context_settings={"max_content_width": 100},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # with rich, --help takes twice as long
)


def _add(verb: Callable[..., Any], name: str | None = None) -> None:
    """Adds a verb; the list shows the first line of its docstring whole, where typer would cut it."""
    name_values(verb)
    app.command(name, short_help=(verb.__doc__ or "").partition("\n")[0])(verb)


for _verb in (
    classify,
    flash,
    config,
    camera,
    monitor,
    doctor,
    boards,
    fit,
    emulate,
    studio,
    train,
    sweep,
    evaluate,
    zoo,
    quantize,
    sign,
    compile_kmodel,
    export,
    inspect,
    bench,
):
    _add(_verb)
_add(import_model, "import")
app.add_typer(dataset, name="dataset")


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"galago {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_show_version, is_eager=True
    ),
) -> None:
    pass


def main() -> None:
    """Runs the command line. Exit status: 0 done, 1 a picture failed, 2 an error in usage, board or model.

    130, 143 and 129 mean that it was ended by Ctrl-C, SIGTERM or SIGHUP, 141 that nobody reads its output.
    """
    with safe_streams():
        try:
            app()
        except GalagoError as error:
            print(f"galago: {error.message}", file=sys.stderr)
            sys.exit(2)
        except OSError as error:
            print(f"galago: {of_file(error).message}", file=sys.stderr)
            sys.exit(2)
