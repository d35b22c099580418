# SPDX-License-Identifier: MIT
"""rich's console, for tables, colours and progress bars within safe_streams.

    Console().print(...)        # what it shows of files and boards is safe too

It is a module of its own because rich takes a quarter of the time that `galago --help` has.
"""

from collections.abc import Iterable
from typing import IO, Any

import rich.console
from rich.segment import Segment

from galago.cli.streams import end_unread
from galago.printable import printable_lines


class Console(rich.console.Console):
    """rich's console, whose own control sequences reach the terminal and nobody else's."""

    @property
    def file(self) -> IO[str]:
        """The stream to write to, without the filter of safe_streams: what is written is safe already."""
        file = super().file  # not the proxy through which a progress bar leads what others print
        return getattr(file, "unfiltered", file)

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    def on_broken_pipe(self) -> None:
        """End the command: nobody reads its output."""
        end_unread()

    def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
        """Return the segments of a renderable."""
        for text, style, control in super().render(*arguments, **options):
            yield Segment(text if control else printable_lines(text), style, control)
