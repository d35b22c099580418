# SPDX-License-Identifier: MIT
"""galago boards: what is known of each board."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from galago.boards import BoardSpec, Camera
    from galago.fit import Needs

_SIZES = ("ram", "heap", "largest_block", "psram", "flash", "filesystem", "romfs")
_COLUMNS = ("board", "processor", "architecture", "MHz", "heap", "files", "ROMFS", "PSRAM", "camera")
_NUMBERS = ("MHz", "heap", "files", "ROMFS", "PSRAM")
_WIDE_ONLY = {"processor": 122, "architecture": 107, "camera": 92}


def boards(
    board: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A board's id, or a path that ends in .toml.")
    ] = None,
) -> None:
    """Show the known boards and which shipped models fit, or one board with the sources of its figures."""
    from rich.console import Console

    from galago import boards as known
    from galago import models
    from galago.fit import Needs

    chosen = known.load(board) if board else None
    shipped = [Needs.of(models.find(name)) for name in models.shipped_names()]
    console = Console(highlight=False)
    if chosen:
        _show_page(console, chosen, shipped)
    else:
        _show_table(console, known.all(), shipped)


def _show_table(console: "Console", boards: list["BoardSpec"], shipped: list["Needs"]) -> None:
    from rich.table import Table

    from galago.fit import judge

    # What a narrow window leaves out, so that what it shows stays whole.
    left_out = {title for title, width in _WIDE_ONLY.items() if console.width < width}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in _COLUMNS:
        if title not in left_out:
            table.add_column(title, justify="right" if title in _NUMBERS else "left", no_wrap=True)
    for needs in shipped:
        table.add_column(needs.name, overflow="fold")
    for board in boards:
        cells = (
            *(board.id, board.mcu, board.arch if board.kernels else "", f"{board.clock_hz / 1e6:.0f}"),
            *map(_size, (board.heap, board.filesystem, board.romfs, board.psram)),
            board.camera.sensor if board.camera else "",
        )
        results = (judge(needs, board) for needs in shipped)
        table.add_row(
            *(cell for title, cell in zip(_COLUMNS, cells, strict=True) if title not in left_out),
            *(f"[green]{each.weights}[/green]" if each.fits else "[dim]no[/dim]" for each in results),
        )
    console.print(table)
    console.print(
        "\n[dim]A model fits with its weights in place (where a ROMFS holds them), in RAM, or streamed from "
        "the file system. galago fit MODEL says why, and how fast; galago boards ID shows one board.[/dim]",
        soft_wrap=True,
    )


def _show_page(console: "Console", board: "BoardSpec", shipped: list["Needs"]) -> None:
    from rich.markup import escape
    from rich.table import Table

    console.print(f"[bold]{escape(board.id)}[/bold]  {escape(board.name)}\n")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", style="dim")
    rows = {
        "mcu": board.mcu,
        "core": board.core,
        "arch": board.arch,
        "clock_hz": f"{board.clock_hz / 1e6:g} MHz",
        "cycles_per_instruction": f"{board.cycles_per_instruction:g}",
        **{key: f"{size:,} B" for key in _SIZES if (size := getattr(board, key))},
        "kernels": ", ".join(board.kernels) or "none",
        "backends": ", ".join(board.backends),
        "install_with": ", ".join(board.install_with),
        "mount": board.mount,
        "led": board.led or "none",
        "display": board.display or "none",
        "camera": _camera(board.camera) if board.camera else "none",
    }
    for key, text in rows.items():
        table.add_row(key, escape(text), escape(board.sources.get(key, "")))
    console.print(table)
    if shipped:
        console.print("\nShipped models, in the built-in engine:\n")
        console.print(_verdicts(board, shipped))


def _camera(camera: "Camera") -> str:
    lines = [f"{camera.sensor}, read by module {camera.module}"]
    if camera.firmware:
        lines.append(f"needs {camera.firmware}")
    lines += [
        f"{signal} {' '.join(map(str, pin)) if isinstance(pin, list) else pin}"
        for signal, pin in camera.pins.items()
    ]
    return "\n".join(lines)


def _verdicts(board: "BoardSpec", shipped: list["Needs"]) -> "Table":
    from rich.table import Table

    from galago.fit import judge

    table = Table(box=None, show_header=False, pad_edge=False)
    for needs in shipped:
        result = judge(needs, board)
        if result.fits:
            least, seconds, most = result.seconds
            time = f"about {seconds:.2f} s per picture, {least:.2f} to {most:.2f}"
            table.add_row(needs.name, f"[green]{result.weights}[/green]", time)
        else:
            table.add_row(needs.name, "[red]no[/red]", result.problem)
    return table


def _size(size: int) -> str:
    """Short, as in 215K or 8.4M; K is 1,024."""
    if size >= 1 << 20:
        return f"{size / (1 << 20):.1f}M"
    return f"{size / 1024:.0f}K" if size else ""
