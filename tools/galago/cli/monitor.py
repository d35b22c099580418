# SPDX-License-Identifier: MIT
"""galago monitor: what a board classifies on its own, as it happens."""

import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galago.cli.plural import plural
from galago.errors import GalagoError
from galago.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from galago.monitor import Event, LineCounts, Monitor

_ROWS = 15  # pictures that the table shows
_BAR = 20  # characters that stand for a confidence of 1
_COLUMNS = ("seq", "image", "label", "confidence", "unknown", "read_us", "resize_us", "invoke_us", "error")


def monitor(
    port: Annotated[str, typer.Option(help="The board's port: a0, u0, a device, id:SERIAL.")],
    restart: Annotated[
        bool, typer.Option("--restart", help="Restart main.py first, as a reset does.")
    ] = False,
    send: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PICTURE", help="Send this picture to a board whose source is host; repeatable."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="Stop after this many pictures; 0 means never.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the serial lines unchanged, one JSON object each.")
    ] = False,
    as_csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Also write a row per picture to this file.")
    ] = None,
) -> None:
    """Show what a board classifies on its own: class, confidence and rate, and every line that was lost.

    If the board is unplugged, the command waits for it. Stop with Ctrl-C. Exit status: 0, or 1 if a picture
    failed or a line was lost.
    """
    from galago.monitor import Monitor

    watched = Monitor()
    events = _events(port, watched, restart, send or [])
    show = _Lines() if as_json else _Table(watched.counts)
    try:
        with show, _Csv(as_csv) as table:
            for event in events:
                show.event(event)
                table.event(event)
                if count and watched.counts.pictures >= count:
                    break
    except KeyboardInterrupt:
        pass
    counts = watched.counts
    print(_summary(counts), file=sys.stderr)
    if counts.errors or counts.lost or counts.doubled:
        raise typer.Exit(1)


def _events(port: str, watched: "Monitor", restart: bool, pictures: list[Path]) -> Iterator["Event | None"]:
    from galago.monitor import listen, start_again

    if not pictures:
        yield from listen(port, watched, start_again if restart else lambda console: None)
        return
    yield from _sent(port, watched, pictures)


def _sent(port: str, watched: "Monitor", pictures: list[Path]) -> Iterator["Event | None"]:
    from galago.monitor import Notice, start_again, started
    from galago.monitor.picture_sender import PictureSender
    from galago.transport import SerialConsole

    with SerialConsole(port) as console:
        start_again(console)  # the first line of main.py says which picture size it expects
        start = yield from started(console, watched)
        source = start.about.get("source", "host")
        if source != "host":
            raise GalagoError(
                "usage",
                f"{port}: the board takes its pictures from {source}, not from the host: change that with "
                f"galago config --port {port} source=host",
            )
        sender = PictureSender(start.about)
        for path in pictures:
            try:
                yield from sender.send(console, watched, path)
            except GalagoError as error:
                if not error.code.startswith("image."):
                    raise
                watched.counts.errors += 1
                yield Notice("log", f"{error.message} ({error.code})")


class _Lines:
    """The output of --json: serial lines on stdout, everything else on stderr."""

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def event(self, event: "Event | None") -> None:
        from galago.monitor import Notice, PictureLine

        if isinstance(event, PictureLine):
            print(json.dumps(event.line, ensure_ascii=False), flush=True)
        elif isinstance(event, Notice):
            print(f"{event.kind}: {event.text}", file=sys.stderr)


class _Csv:
    """The file of --csv: a row per picture, each written at once."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = None

    def __enter__(self) -> "_Csv":
        if self._path:
            import csv

            self._file = self._path.open("w", newline="", encoding="utf-8")
            self._writer = csv.writer(self._file)
            self._writer.writerow(_COLUMNS)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def event(self, event: "Event | None") -> None:
        from galago.monitor import PictureLine

        if not self._file or not isinstance(event, PictureLine):
            return
        line = event.line
        best = (line.get("top") or [{}])[0]
        us = line.get("us", {})
        row = [line["seq"], line.get("image"), best.get("label"), best.get("confidence")]
        row += ["yes" if line.get("unknown") else "", us.get("read"), us.get("resize"), us.get("invoke")]
        self._writer.writerow([*row, line.get("error", {}).get("code")])
        self._file.flush()


class _Table:
    """The live table."""

    def __init__(self, counts: "LineCounts") -> None:
        from rich.live import Live

        from galago.cli.output import Console

        self._counts = counts
        self._rows: deque[dict[str, Any]] = deque(maxlen=_ROWS)
        self._times: deque[float] = deque(maxlen=50)
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> "_Table":
        self._live.__enter__()
        self._live.update(self._page(), refresh=True)
        return self

    def __exit__(self, *arguments: Any) -> None:
        self._live.__exit__(*arguments)
        if not self._console.is_terminal:
            self._console.line()  # which rich leaves out there

    def event(self, event: "Event | None") -> None:
        from rich.markup import escape

        from galago.monitor import Notice, PictureLine, StartLine

        if isinstance(event, PictureLine):
            if error := event.line.get("error"):
                self._console.print(f"[red]{event.line['seq']}: {escape(str(error.get('message')))}[/red]")
            self._rows.append(event.line)
            self._times.append(time.monotonic())
        elif isinstance(event, Notice):
            color = "dim" if event.kind == "log" else "yellow"
            self._console.print(f"[{color}]{event.kind}: {escape(event.text)}[/{color}]")
        elif isinstance(event, StartLine):
            about = event.about
            self._console.print(
                f"[bold]{escape(str(about.get('model')))}[/bold] runs on {escape(str(about.get('backend')))}"
            )
        self._live.update(self._page(), refresh=True)

    def _page(self) -> "RenderableType":
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False, title=self._title(), title_justify="left", title_style="")
        for name in ("number", "picture", "class", "confidence", "ms"):
            right = name in ("number", "ms")
            wide = 28 if name in ("picture", "class") else None
            table.add_column(name, justify="right" if right else "left", no_wrap=True, max_width=wide)
        for line in self._rows:
            name = escape(printable(line["image"]))
            if "error" in line:
                code = f"[red]{escape(str(line['error'].get('code')))}[/red]"
                table.add_row(str(line["seq"]), name, code, "", "")
                continue
            best, total = line["top"][0], sum(line.get("us", {}).values())
            label = f"unknown ({best['label']}?)" if line.get("unknown") else best["label"]
            bar = "█" * round(best["confidence"] * _BAR)
            share = f"[green]{bar:<{_BAR}}[/green] {best['confidence'] * 100:5.1f} %"
            table.add_row(str(line["seq"]), name, escape(label), share, f"{total / 1000:.1f}")
        return table

    def _title(self) -> str:
        rate = ""
        if len(self._times) > 1 and self._times[-1] > self._times[0]:
            rate = f"{(len(self._times) - 1) / (self._times[-1] - self._times[0]):.1f} pictures a second, "
        return f"[dim]{rate}{_summary(self._counts)}[/dim]" if self._rows else "[dim]listening …[/dim]"


def _summary(counts: "LineCounts") -> str:
    parts = [plural(counts.pictures, "picture"), f"{counts.errors} with errors", f"{counts.lost} lost"]
    for name in ("doubled", "damaged", "skipped", "restarts"):
        if number := getattr(counts, name):
            parts.append(f"{number} {name}")
    return ", ".join(parts)
