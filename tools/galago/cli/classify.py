# SPDX-License-Identifier: MIT
"""galago classify: the main job."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.connection import BoardOption, KernelsOption, PortOption, connected, install

if TYPE_CHECKING:
    from galago.models import ModelDirectory

DEFAULT_MODEL = "everyday-v1-025-96"
_BAR = 20  # characters that stand for a confidence of 1


def classify(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE…", help="Pictures, in the order to answer them.")
    ],
    model: Annotated[str, typer.Option(help="A shipped model's name, or a model directory.")] = DEFAULT_MODEL,
    port: PortOption = None,
    board: BoardOption = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to show for each picture.")] = 1,
    kernels: KernelsOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print exactly the serial lines, one JSON each.")
    ] = False,
) -> None:
    """Classify pictures on a board, emulated unless --port names a real one.

    The device package and the model are put on the board first, as far as they are not there yet.
    Exit status: 0 all classified, 1 a picture failed, 2 wrong usage or an unusable board or model.
    """
    from galago import boards, runtimes
    from galago.classify import classify as run
    from galago.flash import device_package, model_files, native_arch
    from galago.models import find

    directory = _zoo(model) if model.startswith("imagenet-") and not Path(model).is_dir() else find(model)
    show = _show_json if as_json else _show_line
    lines = []
    with connected(port, board) as (device, place):
        known = runtimes.carried(device, boards.identify(device.implementation))
        native = native_arch(device, known, kernels)
        files = device_package(device) | model_files(directory, known, native=native)
        install(device, files, f"{directory.name} on {place}")
        for line in run(device, directory, images, top, _log, known.backends if known else None):
            show(line)
            lines.append(line)
    if not as_json:
        _summarize(lines, emulated=port is None)
    if any("error" in line for line in lines):
        raise typer.Exit(1)


def _zoo(name: str) -> "ModelDirectory":
    """A pretrained model, which is built at its first use."""
    from rich.console import Console

    from galago import zoo

    console = Console(stderr=True)
    with console.status(f"{name}: building, once") as status:
        new = not zoo.place(name).is_dir()
        model = zoo.find(name, lambda text: status.update(text))
    if new:
        typer.echo(f"{name}: {zoo.STANDARD}", err=True)
    return model


def _log(text: str) -> None:
    if text.strip():
        print(f"board: {text}", file=sys.stderr)


def _show_json(line: dict) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)


def _show_line(line: dict) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    name = line["image"]
    if "error" in line:
        console.print(f"{name:<24} [red]error[/red] ", end="")
        console.print(f"{line['error']['message']} ({line['error']['code']})", markup=False)
        return
    us = line["us"]
    times = "  ".join(f"{part} {us[part] / 1000:.1f}" for part in ("read", "resize", "invoke"))
    for place, entry in enumerate(line["top"]):
        label = "unknown" if line.get("unknown") and place == 0 else entry["label"]
        hint = f" ({entry['label']}?)" if label == "unknown" else ""
        bar = "█" * round(entry["confidence"] * _BAR)
        console.print(f"{name if place == 0 else '':<24} {label + hint:<20} ", end="", markup=False)
        console.print(f"[green]{bar:<{_BAR}}[/green] {entry['confidence'] * 100:5.1f} %", end="")
        console.print(f"   [dim]{times} ms[/dim]" if place == 0 else "")


def _summarize(lines: list[dict], emulated: bool) -> None:
    """One line that ends a run: how many, how many failed, the mean times."""
    good = [line for line in lines if "error" not in line]
    text = f"\n{len(lines)} pictures, {len(good)} classified, {len(lines) - len(good)} with errors"
    if good:
        mean = {part: sum(line["us"][part] for line in good) / len(good) / 1000 for part in good[0]["us"]}
        parts = ", ".join(f"{part} {value:.1f}" for part, value in mean.items())
        where = ", on this computer's processor" if emulated else ""
        text += f"; {sum(mean.values()):.1f} ms per picture ({parts}{where})"
    print(text)
