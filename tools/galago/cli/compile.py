# SPDX-License-Identifier: MIT
"""galago compile: a model or an int8 .tflite in, a kmodel for the Kendryte K210 out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago import special_files
from galago.cli.model import open_model
from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.targets.k210.kmodel import Kmodel


def compile(  # noqa: A001 - the verb's name
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A shipped model, a zoo model, a model directory, or a file for galago import.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.kmodel", help="The file to write.")
    ] = None,
    head: Annotated[
        str, typer.Option(help="Where dense layers run: kpu (8 bits) or cpu (float, four times the size).")
    ] = "kpu",
    target: Annotated[str, typer.Option(help="The chip; k210 is the only one.")] = "k210",
    inspect: Annotated[
        bool, typer.Option("--inspect", help="Show the layers; MODEL may also be a kmodel.")
    ] = False,
) -> None:
    """Compile a model for the Kendryte K210's KPU (kmodel version 3, for MaixPy v1).

    A layer that the chip cannot compute is refused, and the message names it.
    """
    from galago.targets.k210.compiler import compile_model
    from galago.targets.k210.kmodel import Kmodel

    if target != "k210":
        raise GalagoError("config.invalid", f"expected --target k210, got {target}")
    if head not in ("kpu", "cpu"):
        raise GalagoError("config.invalid", f"expected --head kpu or cpu, got {head}")
    if model.suffix == ".kmodel":
        if not inspect or out:
            raise GalagoError("config.invalid", f"{model} is already compiled: use --inspect to look at it")
        _show(Kmodel.read(_read(model)))
        return
    if not (out or inspect):
        raise GalagoError("config.invalid", "expected -o FILE.kmodel or --inspect, got neither: add one")
    compiled = compile_model(_tflite(model), "cpu" if head == "cpu" else "kpu")
    if inspect:
        _show(compiled.model)
    if out:
        file = compiled.model.write()
        out.write_bytes(file)
        pictures = "rotated by 180 degrees" if compiled.rotated else "as they are"
        print(
            f"{out}: {len(file):,} bytes, {compiled.kpu_lines * 64:,} bytes of KPU RAM, "
            f"{compiled.model.main_bytes:,} of main RAM; it expects pictures {pictures}",
            file=sys.stderr,
        )


def _tflite(model: Path) -> bytes:
    if model.is_file():
        from galago import importer

        return importer.integer_tflite(model)
    if model.suffix == ".tflite":
        raise GalagoError("model.missing", f"no file {model}: pass the path of a .tflite")
    return open_model(model).tflite.read_bytes()


def _read(file: Path) -> bytes:
    special_files.refuse(file)
    if not file.is_file():
        raise GalagoError("model.missing", f"no file {file}: pass the path of a .tflite or .kmodel")
    return file.read_bytes()


def _show(model: "Kmodel") -> None:
    from rich.table import Table

    from galago.cli.output import Console
    from galago.targets.k210.cycle_model import seconds
    from galago.targets.k210.kpu_conv import KpuConv

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "layer", "input", "output", "kernel", "pool", "from", "to"):
        table.add_column(title, justify="right" if title in ("", "input", "output", "from", "to") else "left")
    for title in ("weights", "ms"):
        table.add_column(title, justify="right")
    total = 0.0
    for number, layer in enumerate(model.layers):
        row = [str(number), type(layer).__name__]
        if isinstance(layer, KpuConv):
            r, time = layer.registers, seconds(layer)
            total += time
            kernel = f"{r.kernel}x{r.kernel}" + (" depthwise" if r.depth_wise_layer else "")
            row += [_shape(layer.source), _shape(layer.target), kernel, str(r.pool_type or "")]
            main = f" and {layer.output:,} B" if layer.flags & 1 else ""
            row += [f"line {r.image_src_addr}", f"line {r.image_dst_addr}{main}"]
            row += [f"{layer.weights.size:,}", f"{time * 1e3:.2f}"]
        else:
            row += ["", "", "", "", *_addresses(layer)]
        table.add_row(*row)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    outputs = ", ".join(f"{size:,} bytes at {address:,}" for address, size in model.outputs)
    console.print(
        f"{len(model.layers)} layers, {model.main_bytes:,} bytes of main RAM, output {outputs}; "
        f"KPU {total * 1e3:.1f} ms by the cycle model at 400 MHz",
        highlight=False,
    )


def _shape(place) -> str:
    return f"{place.channels}x{place.height}x{place.width}"


def _addresses(layer) -> tuple[str, str]:
    """The addresses that a layer on the CPU reads from and writes to."""
    source = getattr(layer, "input", getattr(layer, "a", None))
    target = f"{layer.output:,} B" if hasattr(layer, "output") else f"line {layer.line}"
    return "" if source is None else f"{source:,} B", target
