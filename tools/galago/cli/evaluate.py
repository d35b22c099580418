# SPDX-License-Identifier: MIT
"""galago evaluate: the same photos in float, in int8, on a board and in a page's code, side by side."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galago.cli.connection import BoardOption, PortOption, installed
from galago.cli.model import MODEL_HELP, open_model
from galago.cli.plural import plural
from galago.cli.progress import progress_bar
from galago.errors import GalagoError

if TYPE_CHECKING:
    import numpy as np

    from galago.evaluate.comparison import Comparison
    from galago.models import ModelDirectory

_ENGINES = ("float", "int8", "board", "web")
_ELSEWHERE = ("board", "web")  # places that should compute what int8 is


def evaluate(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)],
    photos: Annotated[
        Path,
        typer.Argument(help="A folder with a sub-folder per class, or with ImageNet's labels.txt."),
    ],
    on: Annotated[
        str, typer.Option(metavar="float,int8,board,web", help="What to compare: one or more of these.")
    ] = "int8",
    port: PortOption = None,
    board: BoardOption = None,
    runtime: Annotated[
        str | None,
        typer.Option(help="The board's runtime to use.  [default: the one that the board prefers]"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Use at most this many photos, evenly spread.  [default: all]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure a model's accuracy, and whether float, int8, board and web agree.

    float is the Keras network before quantization, int8 is TensorFlow Lite Micro on this computer, board is
    an emulated board, or a real one with --port, with the runtime that it would use, and web is the code of
    an exported page, in Node.js. Exit status: 0, or 1 if board or web differ from int8 on a photo although
    they should compute the same.
    """
    import numpy as np

    from galago import evaluate as evaluating

    engines = [each.strip() for each in on.split(",")]
    if not engines or set(engines) - set(_ENGINES):
        raise GalagoError(
            "usage", f"expected --on with one or more of {', '.join(_ENGINES)}, separated by commas, got {on}"
        )
    directory = open_model(model)
    chosen = evaluating.labelled(directory, photos)
    if limit and len(chosen) > limit:
        chosen = chosen.where(np.arange(limit) * len(chosen) // limit)
    inputs, positions = evaluating.read_inputs(directory, chosen.paths, _warn)
    labels = chosen.labels[positions]
    answers: dict[str, np.ndarray] = {}
    if "float" in engines:
        answers["float"] = evaluating.floats(directory, inputs)
    elsewhere = [name for name in _ELSEWHERE if name in engines]
    if "int8" in engines or elsewhere:
        outputs = _counted("int8", len(inputs), lambda tick: evaluating.int8(directory, inputs, tick))
        answers["int8"] = directory.probabilities(outputs)
    table: dict[str, Any] = {"model": directory.name, "photos": len(inputs)}
    if len(answers) == 2:
        same = (answers["float"].argmax(1) == answers["int8"].argmax(1)).mean()
        table["float_and_int8_agree"] = float(same)
    names = [chosen.paths[i].name for i in positions]
    for name in elsewhere:
        comparison = _compared(
            name, (directory, inputs, answers["int8"], names), (port, board, None, runtime)
        )
        table[name] = comparison.table
        answers[name] = comparison.probabilities
    scores = {name: evaluating.Scores.of(each, labels) for name, each in answers.items()}
    table["engines"] = {name: each.as_dict() for name, each in scores.items() if name in engines}
    if as_json:
        print(json.dumps(table, ensure_ascii=False))
    else:
        _show(table, scores["int8" if "int8" in scores else "float"], directory)
    if any(table[name]["first"] for name in elsewhere):
        raise typer.Exit(1)


def _compared(
    name: str,
    what: tuple["ModelDirectory", "np.ndarray", "np.ndarray", list[str]],
    options: tuple[str | None, str | None, None, str | None],
) -> "Comparison":
    """Runs the photos on board or web; `what` are the fields of Comparison, `options` are for `installed`."""
    from galago.evaluate.comparison import Comparison

    comparison = Comparison(*what)

    def run(tick: Any) -> None:
        comparison.advance = tick
        if target:
            comparison.on_board(target.device, target.name, target.backends, _warn)
        else:
            comparison.on_web()

    with installed(what[0], *options) if name == "board" else nullcontext() as target:
        _counted(name, len(what[1]), run)
    return comparison


def _show(table: dict[str, Any], scores: Any, model: "ModelDirectory") -> None:
    from rich.table import Table

    from galago.cli.output import Console

    console = Console(highlight=False)
    console.print(f"[bold]{table['model']}[/bold], {plural(table['photos'], 'photo')}\n")
    figures = Table(box=None, header_style="bold", pad_edge=False)
    titles = ["", "right", "of", "accuracy", "95 % interval"]
    if any(name in table for name in _ELSEWHERE):
        titles += ["best class as int8", "all as int8"]
    for title in titles:
        figures.add_column(title, justify="right" if title else "left")
    for name, row in table["engines"].items():
        low, high = row["interval"]
        interval = f"{low:.1%} to {high:.1%}"
        cells = [name, str(row["right"]), str(row["photos"]), f"{row['accuracy']:.2%}", interval]
        figures.add_row(*cells, *_parity(name, table)[: len(titles) - len(cells)])
    console.print(figures)
    if "float_and_int8_agree" in table:
        console.print(f"\nfloat and int8 agree on {table['float_and_int8_agree']:.1%} of the photos")
    for name in _ELSEWHERE:
        _show_agreement(console, table.get(name))
    threshold = model.contract["unknown_below"]
    answered, right, outside = scores.answered(threshold)
    if threshold and right is not None:
        others = (
            f"; {outside:.1%} of the photos outside all classes are answered" if outside is not None else ""
        )
        console.print(
            f"unknown below {threshold}: {answered:.1%} are answered, {right:.1%} correctly{others}"
        )
    console.print()
    console.print(_classes(scores, model.labels))


def _parity(name: str, table: dict[str, Any]) -> tuple[str, str]:
    """On how many photos an engine's best class, and all of its answer, equals int8's."""
    photos = table["photos"]
    if name == "float":
        same = table["float_and_int8_agree"]
        return f"{round(same * photos)} of {photos}", ""
    if name not in table:
        return "", ""
    return f"{table[name]['same_best_class']} of {photos}", f"{photos - table[name]['differ']} of {photos}"


def _show_agreement(console: Any, board: dict[str, Any] | None) -> None:
    if board is None:
        return
    if not board["differ"]:
        text = f"{board['place']} ({board['runtime']}) answers exactly as int8 on all {board['photos']}"
        console.print(text, style="green", markup=False)
        return
    first = board["first"]
    if first is None:
        console.print(
            f"{board['place']} runs {board['runtime']}, which has its own arithmetic: the best class "
            f"equals int8's on {board['same_best_class']} of {board['photos']}, and no value differs by more "
            f"than {board['worst_of_256']} of 256",
            markup=False,
        )
        return
    text = f"{board['place']} differs from int8 on {plural(board['differ'], 'photo')}"
    console.print(text, style="red", markup=False)
    console.print(f"first: {first['photo']}; first tensor: {first['tensor']}", markup=False)


def _classes(scores: Any, labels: list[str]) -> Any:
    """A table of the classes that have a photo or an answer, with the classes that were answered instead."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("class", "photos", "recall", "precision", "mistaken for"):
        table.add_column(title, justify="left" if title in ("class", "mistaken for") else "right")
    confusion = scores.confusion
    for index, row in enumerate(scores.by_class()):
        if row.photos or row.answered:
            mistakes = [(int(n), labels[i]) for i, n in enumerate(confusion[index]) if n and i != index]
            wrong = ", ".join(f"{label} {n}" for n, label in sorted(mistakes, reverse=True)[:5])
            table.add_row(labels[index], str(row.photos), _share(row.recall), _share(row.precision), wrong)
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _counted(name: str, count: int, work: Any) -> Any:
    """Runs `work(tick)` under a progress bar on stderr."""
    from galago.cli.output import Console

    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task(name, total=count)
        return work(lambda: progress.advance(task))


def _warn(text: str) -> None:
    typer.echo(text, err=True)
