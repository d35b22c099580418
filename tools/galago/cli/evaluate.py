# SPDX-License-Identifier: MIT
"""galago evaluate: the same photos in float, in int8 and on a board, side by side."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galago.cli.connection import BoardOption, PortOption, connected, install
from galago.errors import GalagoError

if TYPE_CHECKING:
    import numpy as np

    from galago.models import ModelDirectory

_ENGINES = ("float", "int8", "board")


def evaluate(
    model: Annotated[str, typer.Argument(help="A shipped model's name, or a model directory.")],
    photos: Annotated[
        Path,
        typer.Argument(help="A folder with one sub-folder per class, or with a labels.txt of ImageNet."),
    ],
    on: Annotated[
        str, typer.Option(metavar="float,int8,board", help="Where to compute, one or more of these.")
    ] = "int8",
    port: PortOption = None,
    board: BoardOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many photos, evenly spread.  [default: all]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure how often a model is right, and whether float, int8 and board agree.

    float is the Keras network before it was quantized, int8 TensorFlow Lite Micro on this computer, board an
    emulated board, or a real one with --port. Exit status: 0 done, 1 the board and int8 differ on a photo.
    """
    from galago import evaluate as evaluating
    from galago.models import find

    engines = [each.strip() for each in on.split(",")]
    if not engines or set(engines) - set(_ENGINES):
        raise GalagoError("usage", f"--on {on}: wanted one or more of {', '.join(_ENGINES)}, with commas")
    directory = find(model)
    chosen = evaluating.labelled(directory, photos)
    if limit and len(chosen) > limit:
        import numpy as np

        chosen = chosen.where(np.arange(limit) * len(chosen) // limit)
    inputs, positions = evaluating.read_inputs(directory, chosen.paths, _warn)
    labels = chosen.labels[positions]
    answers: dict[str, np.ndarray] = {}
    if "float" in engines:
        answers["float"] = evaluating.floats(directory, inputs)
    if "int8" in engines or "board" in engines:
        answers["int8"] = _counted("int8", len(inputs), lambda tick: evaluating.int8(directory, inputs, tick))
    table: dict[str, Any] = {"model": directory.name, "photos": len(inputs)}
    scores = {name: evaluating.Scores.of(each, labels) for name, each in answers.items()}
    table["engines"] = {name: each.as_dict() for name, each in scores.items() if name in engines}
    if len(answers) == 2:
        same = (answers["float"].argmax(1) == answers["int8"].argmax(1)).mean()
        table["float_and_int8_agree"] = float(same)
    if "board" in engines:
        names = [chosen.paths[i].name for i in positions]
        table["board"] = _on_board(directory, inputs, answers["int8"], names, port, board)
    if as_json:
        print(json.dumps(table, ensure_ascii=False))
    else:
        _show(table, scores["int8" if "int8" in scores else "float"], directory)
    if "board" in table and table["board"]["differ"]:
        raise typer.Exit(1)


def _on_board(
    model: "ModelDirectory",
    inputs: "np.ndarray",
    wanted: "np.ndarray",
    names: list[str],
    port: str | None,
    board: str | None,
) -> dict[str, Any]:
    """Runs all inputs on the board and compares the ranked answers with int8's."""
    from galago.evaluate import on_board
    from galago.flash import device_package, model_files

    differ: list[int] = []
    with connected(port, board) as (device, place):
        install(device, device_package(device) | model_files(model), f"{model.name} on {place}")

        def run(tick: Any) -> None:
            for index, said in on_board.board_answers(device, model, inputs):
                if said != on_board.ranked(wanted[index], len(said)):
                    differ.append(index)
                tick()

        _counted("board", len(inputs), run)
        first = None
        if differ:
            where = on_board.first_difference(device, model, inputs[differ[0]])
            first = {"photo": names[differ[0]], "tensor": where or "none: the runtime's own answer differs"}
    return {"place": place, "photos": len(inputs), "differ": len(differ), "first": first}


def _show(table: dict[str, Any], scores: Any, model: "ModelDirectory") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"[bold]{table['model']}[/bold], {table['photos']} photos\n")
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
        console.print(f"\nfloat and int8 say the same of {table['float_and_int8_agree']:.1%} of the photos")
    _show_board(console, table.get("board"))
    threshold = model.contract["unknown_below"]
    answered, right, outside = scores.answered(threshold)
    if threshold and right is not None:
        others = f"; {outside:.1%} of the photos of no class" if outside is not None else ""
        console.print(f"unknown below {threshold}: {answered:.1%} are answered, {right:.1%} rightly{others}")
    console.print()
    console.print(_classes(scores, model.labels))


def _show_board(console: Any, board: dict[str, Any] | None) -> None:
    if board is None:
        return
    if not board["differ"]:
        console.print(f"[green]{board['place']} answers exactly as int8 on all {board['photos']}[/green]")
        return
    first = board["first"]
    console.print(f"[red]{board['place']} differs from int8 on {board['differ']} photos[/red]")
    console.print(f"first: {first['photo']}; first tensor: {first['tensor']}", markup=False)


def _classes(scores: Any, labels: list[str]) -> Any:
    """Every class that has a photo or an answer, with what its photos were taken for."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("class", "photos", "found", "answered", "taken for"):
        table.add_column(title, justify="left" if title in ("class", "taken for") else "right")
    confusion = scores.confusion
    for index, row in enumerate(scores.by_class()):
        if row.photos or row.answered:
            others = [(int(n), labels[i]) for i, n in enumerate(confusion[index]) if n and i != index]
            wrong = ", ".join(f"{label} {n}" for n, label in sorted(others, reverse=True)[:5])
            table.add_row(labels[index], str(row.photos), str(row.right), str(row.answered), wrong)
    return table


def _counted(name: str, count: int, work: Any) -> Any:
    """Runs `work(tick)` under a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=count)
        return work(lambda: progress.advance(task))


def _warn(text: str) -> None:
    typer.echo(text, err=True)
