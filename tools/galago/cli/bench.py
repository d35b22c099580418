# SPDX-License-Identifier: MIT
"""galago bench: the time of each layer of a model."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.connection import BoardOption, KernelsOption, PortOption, installed
from galago.cli.model import DEFAULT_MODEL, MODEL_HELP, open_model

if TYPE_CHECKING:
    from galago.bench import Result

_BAR = 10  # characters that stand for the longest layer


def bench(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)] = DEFAULT_MODEL,
    port: PortOption = None,
    board: BoardOption = None,
    runs: Annotated[
        int, typer.Option(min=1, help="How many times to run it; the shortest time of each layer counts.")
    ] = 3,
    kernels: KernelsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time each layer of a model on a board, emulated unless --port names a real one.

    An emulated board runs on this computer's processor: its times show how layers compare, not how long a
    board takes.
    """
    from galago.bench import bench as run

    directory = open_model(model)
    with installed(directory, port, board, kernels, whole=True) as target:
        result = run(target.device, directory, runs)
        about = target.device.implementation
    if as_json:
        head = {
            "model": directory.name,
            "board": port or target.name,
            "machine": about["machine"],
            "emulated": about["emulated"],
        }
        print(json.dumps({**head, **result.as_dict()}))
    else:
        _show(result, emulated=about["emulated"])


def _show(result: "Result", emulated: bool) -> None:
    from rich.table import Table

    from galago.cli.output import Console

    total, longest = sum(result.us) or 1, max(result.us, default=0) or 1
    table = Table(box=None, pad_edge=False)
    for name in ("", "operator", "input", "output", "MACs", "ms", "share", ""):
        text = name == "operator" or len(table.columns) == 7
        table.add_column(name, justify="left" if text else "right", no_wrap=True)
    for number, (layer, us) in enumerate(zip(result.layers, result.us, strict=True)):
        table.add_row(
            str(number),
            layer.kind,
            "x".join(map(str, layer.input)),
            "x".join(map(str, layer.output)),
            f"{layer.macs:,}" if layer.macs else "",
            f"{us / 1000:.2f}",
            f"{us / total:.1%}",
            f"[green]{'█' * round(us / longest * _BAR)}[/green]",
        )
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    where = "; emulated on this computer's processor" if emulated else ""
    console.print(
        f"\n{result.invoke_us / 1000:.1f} ms for {result.macs:,} MACs, "
        f"{result.macs / max(1, result.invoke_us):.1f} per µs; arena {result.arena_bytes:,} bytes{where}"
    )
