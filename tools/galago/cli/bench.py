# SPDX-License-Identifier: MIT
"""galago bench: where the time goes, layer by layer."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.classify import DEFAULT_MODEL
from galago.cli.connection import BoardOption, KernelsOption, PortOption, connected, install

if TYPE_CHECKING:
    from galago.bench import Result

_BAR = 10  # characters that stand for the longest layer


def bench(
    model: Annotated[
        str, typer.Argument(help="A shipped model's name, or a model directory.")
    ] = DEFAULT_MODEL,
    port: PortOption = None,
    board: BoardOption = None,
    runs: Annotated[int, typer.Option(min=1, help="Inferences; the shortest time of each layer counts.")] = 3,
    kernels: KernelsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time each layer of a model on a board, emulated unless --port names a real one.

    An emulated board computes on this computer's processor: its times say how layers compare, not how long a
    board takes.
    """
    from galago import boards, runtimes
    from galago.bench import bench as run
    from galago.flash import device_package, model_files, native_arch
    from galago.models import find

    directory = find(model)
    with connected(port, board) as (device, place):
        known = runtimes.carried(device, boards.identify(device.implementation))
        native = native_arch(device, known, kernels)
        files = device_package(device) | model_files(directory, known, native=native)
        install(device, files, f"{directory.name} on {place}")
        result = run(device, directory, runs)
        machine = device.implementation["machine"]
    if as_json:
        head = {"model": directory.name, "board": port or place, "machine": machine, "emulated": port is None}
        print(json.dumps({**head, **result.as_dict()}))
    else:
        _show(result, emulated=port is None)


def _show(result: "Result", emulated: bool) -> None:
    from rich.console import Console
    from rich.table import Table

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
    where = "; emulated, on this computer's processor" if emulated else ""
    console.print(
        f"\n{result.invoke_us / 1000:.1f} ms for {result.macs:,} MACs, "
        f"{result.macs / max(1, result.invoke_us):.1f} per µs; arena {result.arena_bytes:,} bytes{where}"
    )
