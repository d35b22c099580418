# SPDX-License-Identifier: MIT
"""galago camera: what a board's camera sees, and photos of it for training."""

import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.connection import upload
from galago.errors import GalagoError

if TYPE_CHECKING:
    import numpy as np

_FILE = "{:05d}.jpg"


def camera(
    port: Annotated[str, typer.Option(help="The board's port, as mpremote names it.")],
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Save each frame into this folder, as a JPEG.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="With --save: the class, whose sub-folder gets the frames, as `galago train` needs."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="Stop after this many frames; 0 means never.")] = 0,
    interval: Annotated[float, typer.Option(min=0, help="Seconds between frames.")] = 0,
    size: Annotated[
        str, typer.Option(metavar="WIDTHxHEIGHT", help="Size of the frames; larger ones take longer.")
    ] = "160x120",
    preview: Annotated[bool, typer.Option(help="Show the frames in the terminal.")] = True,
) -> None:
    """Show what the board's camera sees, live in the terminal, and collect frames for training.

    The camera's settings are those of galago.json (`galago config`), else those of the board's file. The
    device package is uploaded first, unless the board has it. Stop with Ctrl-C.
    """
    from galago import boards, flash, transport
    from galago.camera import Frames, watch

    width, height = _size(size)
    folder = _folder(save, label)
    with transport.connect(port) as board:
        known = boards.identify(board.implementation)
        flash.check_camera(board, known)
        package = flash.device_package(board, flash.kept_native(board))
        spare = flash.spare_files(None, known, camera=True)
        upload(board, package, f"camera of {board.implementation['machine']}", spare)
        settings = (flash.read_config(board) or {}).get("camera") or flash.default_settings(
            known, "camera"
        ).get("camera", {})
        show = _Frames(folder, preview and sys.stdout.isatty())
        with suppress(KeyboardInterrupt):
            watch(board, settings, Frames(width, height, count, interval), show.frame, _warn)
    print(show.summary)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{2,3})x(\d{2,3})", text)
    if not found or not (16 <= int(found[1]) <= 640 and 16 <= int(found[2]) <= 480):
        raise GalagoError("usage", f"expected --size WIDTHxHEIGHT from 16x16 to 640x480, got {text}")
    return int(found[1]), int(found[2])


def _folder(save: Path | None, label: str | None) -> Path | None:
    if label is not None and (save is None or not label.strip(".") or "/" in label or "\\" in label):
        raise GalagoError("usage", "--label needs --save, and is the name of a folder, such as cup")
    if save is None:
        return None
    folder = save / label if label else save
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GalagoError("usage", f"{folder}: {error.strerror}: choose another --save") from None
    return folder


def _warn(text: str) -> None:
    print(f"board: {text}", file=sys.stderr)


class _Frames:
    """Shows and saves frames; numbers continue after those that are in the folder."""

    def __init__(self, folder: Path | None, preview: bool) -> None:
        self._folder, self._preview = folder, preview
        numbers = [int(path.stem) for path in folder.glob("*.jpg") if path.stem.isdigit()] if folder else []
        self._next = max(numbers, default=0) + 1
        self._count = 0

    @property
    def summary(self) -> str:
        where = f", saved in {self._folder}" if self._folder else ""
        return f"{self._count} frame{'' if self._count == 1 else 's'}{where}"

    def frame(self, pixels: "np.ndarray") -> None:
        from PIL import Image

        self._count += 1
        name = ""
        if self._folder:
            path = self._folder / _FILE.format(self._next)
            Image.fromarray(pixels).save(path, quality=95)
            self._next, name = self._next + 1, str(path)
        if self._preview:
            _draw(pixels, first=self._count == 1)
        if name or not self._preview:
            print(name or f"frame {self._count}", flush=True)


def _draw(pixels: "np.ndarray", first: bool) -> None:
    """Draws a picture over the last one: two pixels for each character, the upper and the lower half."""
    import numpy as np
    from PIL import Image
    from rich.color import Color
    from rich.segment import Segment, Segments
    from rich.style import Style

    from galago.cli.output import Console

    console = Console()
    height, width = pixels.shape[:2]
    columns = max(8, min(console.width - 1, 80, 2 * (console.height - 3) * width // height))
    rows = max(2, columns * height // width // 2)
    small = np.asarray(Image.fromarray(pixels).resize((columns, 2 * rows), Image.Resampling.BOX))
    cells = []
    for upper, lower in zip(small[::2].tolist(), small[1::2].tolist(), strict=True):
        for top, bottom in zip(upper, lower, strict=True):
            cells.append(Segment("▀", Style(color=Color.from_rgb(*top), bgcolor=Color.from_rgb(*bottom))))
        cells.append(Segment.line())
    if not first:
        console.file.write("\033[H")
    else:
        console.clear()
    console.print(Segments(cells), end="")
