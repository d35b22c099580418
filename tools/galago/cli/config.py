# SPDX-License-Identifier: MIT
"""galago config: what a board does at boot, shown and changed."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.transport import Board


def config(
    port: Annotated[str, typer.Option(help="The board's port, as mpremote names it.")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="What to set; KEY= returns to the default. camera.KEY for the camera.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print galago.json as the board has it.")] = False,
) -> None:
    """Show or change what a board does at boot: source, folder, interval, threshold, led, camera and so on.

    This is its galago.json. The board is stopped while this runs; a change acts from its next reset.
    """
    from galago import boards, flash, settings, transport

    with transport.connect(port) as board:
        present = _read(board, port)
        new = settings.changed(present, changes or [])
        if new != present:
            if new.get("source") == "camera" and present.get("source") != "camera":
                flash.check_camera(board, boards.identify(board.implementation))
            flash.write_config(board, new)
            if new.get("source", "files") == "files":
                board.makedirs(str(settings.complete(new, f"{board.root}/pictures")["folder"]))
        root = board.root
    if as_json:
        print(json.dumps(new, ensure_ascii=False))
    elif changes:
        for line in settings.differences(present, new):
            print(line)
        print(
            f"it acts from the next start: mpremote connect {port} reset" if new != present else "no change"
        )
    else:
        _show(new, settings.complete(new, f"{root}/pictures"))


def _read(board: "Board", port: str) -> dict[str, Any]:
    from galago import flash

    present = flash.read_config(board)
    if present is not None:
        return present
    if board.sha256(board.root + flash.CONFIG) is None:
        raise GalagoError(
            "config.missing",
            f"the board at {port} has no galago.json: install a model first, with galago flash --port {port}",
        )
    raise GalagoError(
        "config.invalid",
        f"galago.json at {port} is not a JSON object: write it again, with galago flash --port {port}",
    )


def _show(present: dict[str, Any], completed: dict[str, Any]) -> None:
    """Prints each key with its value; those that are not in the file are defaults."""
    for key, value in completed.items():
        if isinstance(value, dict) and value:
            for name, each in value.items():
                print(f"{key}.{name:<{15 - len(key)}} {json.dumps(each)}")
            continue
        default = "" if key in present else "   (default)"
        print(f"{key:<16} {json.dumps(value, ensure_ascii=False)}{default}")
