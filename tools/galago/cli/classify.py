# SPDX-License-Identifier: MIT
"""galago classify: pictures in, classes out."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.connection import BoardOption, KernelsOption, PortOption, installed
from galago.cli.model import DEFAULT_MODEL, MODEL_HELP, open_model
from galago.cli.plural import plural
from galago.errors import GalagoError
from galago.printable import printable

if TYPE_CHECKING:
    from galago.models import ModelDirectory
    from galago.transport import Board

_BAR = 20  # characters that stand for a confidence of 1


def classify(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE",
            help="Pictures, or folders of them; `-` reads their names from standard input, one per line.",
        ),
    ],
    model: Annotated[str, typer.Option(help=MODEL_HELP)] = DEFAULT_MODEL,
    port: PortOption = None,
    board: BoardOption = None,
    on: Annotated[
        str,
        typer.Option(metavar="board|web", help="board, or web: the code of an exported page, in Node.js."),
    ] = "board",
    top: Annotated[int, typer.Option(min=1, help="How many classes to show per picture.")] = 1,
    kernels: KernelsOption = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Append each line to this file too, and leave out the pictures that are in it already.",
        ),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="End with a table: how many pictures of each class.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the serial lines unchanged, one JSON object each.")
    ] = False,
) -> None:
    """Classify pictures on a board, emulated unless --port names a real one, or as an exported page does.

    The device package and the model are uploaded first, unless the board already has them. With --resume, the
    same command continues where it was ended. Exit status: 0 if all pictures were classified, 1 if a picture
    failed, 2 for wrong usage or an unusable board or model.
    """
    from galago.classify import Record
    from galago.cli.image_arguments import pictures_of

    if summary and as_json:
        raise GalagoError("usage", "--summary prints a table and --json only JSON: use one of them")
    if on not in ("board", "web"):
        raise GalagoError("usage", f"expected --on board or web, got {on}")
    if on == "web" and (port or board or kernels):
        raise GalagoError("usage", "--on web uses no board: leave out --port, --board and --kernels")
    directory = open_model(model)
    show = _show_json if as_json else _show_line
    tally = _Tally(emulated=port is None)
    pictures = pictures_of(images)
    with Record.open(resume, directory, top) if resume else nullcontext() as record:
        if record:
            for line in record.earlier(pictures):
                tally.add(line)
            pictures = _unless_empty(pictures)
        if pictures:
            answers = _on_web(directory, pictures, top, tally)
            if on == "board":
                answers = _on_board(directory, pictures, top, tally, (port, board, kernels))
            for line in answers:
                if record:
                    record.add(line)
                show(line)
                tally.add(line)
    if summary:
        _show_classes(tally)
    if not as_json:
        _summarize(tally)
    if tally.failed:
        raise typer.Exit(1)


def _on_board(
    model: "ModelDirectory",
    pictures: Iterator[Path],
    top: int,
    tally: "_Tally",
    options: tuple[str | None, str | None, str | None],
) -> Iterator[dict]:
    """The lines of the board that --port, --board and --kernels name."""
    from galago.classify import classify as run

    with installed(model, *options) as target:
        tally.emulated = target.device.implementation["emulated"]
        if options[0]:
            _name_other_model(target.device, model.name)
        yield from run(target.device, model, pictures, top, _log, target.backends, tally.pictures)


def _on_web(model: "ModelDirectory", pictures: Iterator[Path], top: int, tally: "_Tally") -> Iterator[dict]:
    """The lines of an exported page's code."""
    from galago.web import export, node

    with node.Node(export.script(model)) as started:
        print(f"{model.name} in Node.js {started.version}", file=sys.stderr)
        yield from node.classify(started, model, pictures, top, tally.pictures)


def _unless_empty(pictures: Iterator[Path]) -> Iterator[Path] | None:
    """The same pictures; None if there are none."""
    first = next(pictures, None)
    return None if first is None else chain([first], pictures)


@dataclass
class _Tally:
    """What the lines of a run add up to, in memory that does not grow with their number."""

    emulated: bool
    pictures: int = 0
    failed: int = 0
    us: Counter[str] = field(default_factory=Counter)
    """Microseconds of all pictures that were classified, by what they were spent on."""
    classes: Counter[str] = field(default_factory=Counter)
    confidences: Counter[str] = field(default_factory=Counter)
    """Pictures by class, "unknown" and "error" among them, and the sum of their confidences."""

    def add(self, line: dict) -> None:
        """Count a picture."""
        self.pictures += 1
        if "error" in line:
            self.failed += 1
            self.classes["error"] += 1
            return
        self.us.update(line["us"])
        name = "unknown" if line.get("unknown") else line["top"][0]["label"]
        self.classes[name] += 1
        self.confidences[name] += line["top"][0]["confidence"]


def _name_other_model(board: "Board", used: str) -> None:
    """Says so if the board runs another model at boot than the one that classifies now."""
    from galago import flash

    flashed = str((flash.read_config(board) or {}).get("model", "")).rpartition("/")[2].rstrip("~")
    if flashed and flashed != used:
        print(
            f"classifying with {used}; at boot the board runs {flashed}, which --model {flashed} uses",
            file=sys.stderr,
        )


def _log(text: str) -> None:
    if text.strip():
        print(f"board: {text}", file=sys.stderr)


def _show_json(line: dict) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)


def _show_line(line: dict) -> None:
    from galago.cli.output import Console

    console = Console(highlight=False, soft_wrap=True)
    name = printable(line["image"])
    if "error" in line:
        console.print(f"{name:<24} ", end="", markup=False)
        console.print("[red]error[/red] ", end="")
        console.print(f"{line['error']['message']} ({line['error']['code']})", markup=False)
        return
    us = line["us"]
    times = "  ".join(f"{part} {us[part] / 1000:.1f}" for part in ("read", "resize", "invoke"))
    for rank, entry in enumerate(line["top"]):
        label = "unknown" if line.get("unknown") and rank == 0 else entry["label"]
        hint = f" ({entry['label']}?)" if label == "unknown" else ""
        bar = "█" * round(entry["confidence"] * _BAR)
        console.print(f"{name if rank == 0 else '':<24} {label + hint:<20} ", end="", markup=False)
        console.print(f"[green]{bar:<{_BAR}}[/green] {entry['confidence'] * 100:5.1f} %", end="")
        console.print(f"   [dim]{times} ms[/dim]" if rank == 0 else "")


def _show_classes(tally: _Tally) -> None:
    """Prints how many pictures each class got, and how confident the answers are on average."""
    from rich.markup import escape
    from rich.table import Table

    from galago.cli.output import Console

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("class", "pictures", "confidence"):
        table.add_column(title, justify="left" if title == "class" else "right")
    for name, count in sorted(tally.classes.items(), key=lambda item: (-item[1], item[0])):
        mean = "" if name == "error" else f"{tally.confidences[name] / count:.1%}"
        table.add_row(escape(name), str(count), mean)
    console = Console(highlight=False)
    console.print("", table)


def _summarize(tally: _Tally) -> None:
    """Prints how many pictures were classified and how many failed, and the mean times."""
    good = tally.pictures - tally.failed
    text = f"\n{plural(tally.pictures, 'picture')}, {good} classified, {tally.failed} with errors"
    if good:
        mean = {part: us / good / 1000 for part, us in tally.us.items()}
        parts = ", ".join(f"{part} {value:.1f}" for part, value in mean.items())
        where = ", on this computer" if tally.emulated else ""
        text += f"; {sum(mean.values()):.1f} ms per picture ({parts}{where})"
    print(text)
