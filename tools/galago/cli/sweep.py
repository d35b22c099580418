# SPDX-License-Identifier: MIT
"""galago sweep: the best models for some boards and photos, found by many trainings."""

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.dataset import Photos

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_MOST_MS = 1000.0


def sweep(
    photos: Annotated[Path, typer.Argument(help="A folder with one sub-folder of photos per class.")],
    board: Annotated[
        list[str], typer.Option(help="A board's id, or a path that ends in .toml; repeat it for more boards.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder for all results.")],
    budget: Annotated[str, typer.Option(help="How long to search, such as 90s, 30m or 2h.")] = "1h",
    max_ms: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[BOARD=]MS",
            help="The most milliseconds per picture, estimated: on all boards, or on one; repeatable.  "
            "[default: 1000]",
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="How many trials to make at most.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of each trial.  [default: more for fewer photos]")
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(metavar="PHOTOS", help="Photos to measure the accuracy on; nothing is chosen by them."),
    ] = None,
    from_scratch: Annotated[bool, typer.Option(help="Start without ImageNet weights.")] = False,
    seed: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Random seed; it decides which trials are made.")
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="The head of a Ray cluster.  [default: this computer alone]"),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue the sweep in DIR.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per board.")] = False,
) -> None:
    """Find the best models for boards: train many that fit, and show accuracy against time and memory.

    Only networks that fit a board within --max-ms are trained. Worse ones are stopped early; the others end
    in int8, evaluated as on the board. DIR/index.html shows them, and DIR/models has a directory of each,
    ready to flash. Ctrl-C keeps what is done, and --resume continues. Needs the extras `train` and `sweep`;
    in a clone: pip install -e '.[train,sweep]'.
    """
    from galago import boards, dataset
    from galago.cli.output import Console
    from galago.sweep import Cluster, Folder, PhotoSet, Plan, Search, Space, Sweep, results
    from galago.sweep.progress import LiveProgress

    seconds = _seconds(budget)
    specs = [boards.load(each) for each in dict.fromkeys(board)]
    names = _classes(photos, dataset.from_subfolders(photos))
    ids, console = [spec.id for spec in specs], Console(stderr=True, highlight=False)
    limits = _limits(max_ms or [], ids)
    photo_set, test_set = PhotoSet.of(photos), PhotoSet.of(test) if test else None
    test_path = str(test.resolve()) if test else ""
    plan = Plan(str(photos.resolve()), ids, limits, seed, epochs, test_path, from_scratch)
    folder = Folder.open(out, plan) if resume else None
    with console.status("looking for networks that fit"):
        search = Search(Space(specs, names, limits), seed, teachers=not from_scratch)
    try:
        with Cluster(ray, photo_set, test_set) as cluster, LiveProgress(console, ids) as show:
            folder = folder or Folder.create(out, plan)
            Sweep(folder, search, cluster, show).run(seconds, trials)
    except KeyboardInterrupt:
        if folder:
            _show(results.of_folder(folder), out, as_json)
            again = "galago: interrupted; --resume continues after the last epoch of each trial"
            print(again, file=sys.stderr)
        raise
    _show(results.of_folder(folder), out, as_json)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(s|m|min|h|d)", text.strip())
    if not match or not float(match[1]):
        raise GalagoError(
            "config.invalid", f"--budget: expected a time such as 90s, 30m or 2h, got {text}: change it"
        )
    return float(match[1]) * _SECONDS[match[2]]


def _limits(texts: list[str], boards: list[str]) -> dict[str, float]:
    """The most milliseconds on each board; a time with a board's id counts more than one for all."""
    every, own = _MOST_MS, dict[str, float]()
    for text in texts:
        board, equals, time = text.rpartition("=")
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", time) or not float(time):
            raise GalagoError(
                "config.invalid",
                f"--max-ms: expected milliseconds such as 80, or {boards[0]}=80, got {text}: change it",
            )
        if not equals:
            every = float(time)
        elif board in boards:
            own[board] = float(time)
        else:
            raise GalagoError(
                "config.invalid",
                f"--max-ms: expected a board of this sweep ({', '.join(boards)}), got {board or text}: "
                "correct it, or add the board with --board",
            )
    return {board: own.get(board, every) for board in boards}


def _classes(folder: Path, photos: "Photos") -> list[str]:
    """The names of the classes. Raises dataset.classes for one alone, before anything is started."""
    if len(photos.names) < 2:
        raise GalagoError(
            "dataset.classes",
            f"{folder}: expected two sub-folders or more, got one class ({photos.names[0]}): "
            "add one for everything else, such as `other`",
        )
    return photos.names


def _show(table: dict[str, Any], out: Path, as_json: bool) -> None:
    from galago.cli.output import Console
    from galago.cli.tables import Column, choose
    from galago.cli.tables import table as draw

    if as_json:
        for board in table["boards"]:
            print(json.dumps(board, ensure_ascii=False))
        return
    console = Console(highlight=False)
    trials = {trial["name"]: trial for trial in table["trials"]}
    for board in table["boards"]:
        console.print(board["advice"], markup=False, soft_wrap=True)
        front = [trials[name] for name in board["front"]]
        costs = [trial["costs"][board["board"]] for trial in front]
        columns = [
            Column("model", [trial["name"] for trial in front]),
            Column("right", [f"{trial['result']['accuracy']:.1%}" for trial in front], right=True),
            Column("ms", [f"{cost['milliseconds']:,.0f}" for cost in costs], right=True),
            Column("heap", [f"{cost['heap']:,}" for cost in costs], rank=1, right=True),
            Column("file", [f"{trial['result']['bytes']:,}" for trial in front], rank=2, right=True),
            Column("weights", [cost["weights"] for cost in costs], rank=3),
        ]
        if front:
            console.print(draw(choose(columns, console.width)), "")
    console.print(
        f"the models are in {out / 'models'}, the picture is {out / 'index.html'}",
        markup=False,
        soft_wrap=True,
    )
