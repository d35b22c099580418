# SPDX-License-Identifier: MIT
"""galago evaluate: the same photos in float, in int8 and on a board, side by side."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galago.cli.connection import BoardOption, PortOption, Target, installed
from galago.cli.model import MODEL_HELP, open_model
from galago.cli.plural import plural
from galago.errors import GalagoError

if TYPE_CHECKING:
    import numpy as np

    from galago.models import ModelDirectory

_ENGINES = ("float", "int8", "board")


def evaluate(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)],
    photos: Annotated[
        Path,
        typer.Argument(help="A folder with a sub-folder per class, or with ImageNet's labels.txt."),
    ],
    on: Annotated[
        str, typer.Option(metavar="float,int8,board", help="What to compare: one or more of these.")
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
    """Measure a model's accuracy, and whether float, int8 and board agree.

    float is the Keras network before quantization, int8 is TensorFlow Lite Micro on this computer, and board
    is an emulated board, or a real one with --port, with the runtime that it would use. Exit status: 0, or 1
    if the board and int8 differ on a photo although the board's runtime should compute the same as int8.
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
    if "int8" in engines or "board" in engines:
        outputs = _counted("int8", len(inputs), lambda tick: evaluating.int8(directory, inputs, tick))
        answers["int8"] = directory.probabilities(outputs)
    table: dict[str, Any] = {"model": directory.name, "photos": len(inputs)}
    scores = {name: evaluating.Scores.of(each, labels) for name, each in answers.items()}
    table["engines"] = {name: each.as_dict() for name, each in scores.items() if name in engines}
    if len(answers) == 2:
        same = (answers["float"].argmax(1) == answers["int8"].argmax(1)).mean()
        table["float_and_int8_agree"] = float(same)
    if "board" in engines:
        names = [chosen.paths[i].name for i in positions]
        with installed(directory, port, board, runtime=runtime) as target:
            table["board"] = _on_board(target, directory, inputs, answers["int8"], names)
    if as_json:
        print(json.dumps(table, ensure_ascii=False))
    else:
        _show(table, scores["int8" if "int8" in scores else "float"], directory)
    if "board" in table and table["board"]["first"]:
        raise typer.Exit(1)


def _on_board(
    target: Target, model: "ModelDirectory", inputs: "np.ndarray", expected: "np.ndarray", names: list[str]
) -> dict[str, Any]:
    """Runs all inputs on the board and compares its ranked classes with int8's.

    `inputs` are int8 = pixel - 128 [photos, height, width, channels], `expected` are the probabilities
    [photos, classes] of int8.
    """
    from galago import runtimes
    from galago.evaluate import on_board

    answers: list[on_board.Ranked] = []
    logs: list[str] = []

    def run(tick: Any) -> None:
        for _, answer in on_board.board_answers(target.device, model, inputs, target.backends, logs.append):
            answers.append(answer)
            tick()

    _counted("board", len(inputs), run)
    runtime = "builtin"
    for text in logs:
        if text.startswith("runs on "):
            runtime = text.removeprefix("runs on ")
        else:  # why other runtimes were not used
            _warn(text)
    agreement = on_board.Agreement.of(answers, expected)
    first = None
    if agreement.differ and runtime in runtimes.EXACT:
        tensor = f"none: the difference is {runtime}'s own"
        if runtime == "builtin":
            tensor = on_board.first_difference(target.device, model, inputs[agreement.differ[0]]) or tensor
        first = {"photo": names[agreement.differ[0]], "tensor": tensor}
    return {
        "place": target.name,
        "runtime": runtime,
        "photos": len(inputs),
        "differ": len(agreement.differ),
        "same_best_class": agreement.same,
        "worst_of_256": agreement.worst,
        "first": first,
    }


def _show(table: dict[str, Any], scores: Any, model: "ModelDirectory") -> None:
    from rich.table import Table

    from galago.cli.output import Console

    console = Console(highlight=False)
    console.print(f"[bold]{table['model']}[/bold], {plural(table['photos'], 'photo')}\n")
    figures = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "right", "of", "accuracy", "95 % interval"):
        figures.add_column(title, justify="right" if title else "left")
    for name, row in table["engines"].items():
        low, high = row["interval"]
        figures.add_row(
            name,
            f"{row['right']}",
            f"{row['photos']}",
            f"{row['accuracy']:.2%}",
            f"{low:.1%} to {high:.1%}",
        )
    console.print(figures)
    if "float_and_int8_agree" in table:
        console.print(f"\nfloat and int8 agree on {table['float_and_int8_agree']:.1%} of the photos")
    _show_board(console, table.get("board"))
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


def _show_board(console: Any, board: dict[str, Any] | None) -> None:
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
    from rich.progress import Progress

    from galago.cli.output import Console

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=count)
        return work(lambda: progress.advance(task))


def _warn(text: str) -> None:
    typer.echo(text, err=True)
