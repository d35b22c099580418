# SPDX-License-Identifier: MIT
"""The one place through which text reaches the terminal: control characters in it never act.

    with safe_streams():        # around the whole command: print and typer.echo are safe within it
        ...

Names, labels, log lines and messages come from files and boards, and may hold anything. A character that
would move the cursor or reverse the text is shown as its escape, which is valid in JSON too. So is one that
the terminal's encoding lacks; bars are drawn in ASCII there. galago.cli.output has the rich console for it.
"""

import codecs
import io
import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, Any, NoReturn, cast

from galago.printable import printable_lines


class _SafeStream:
    """A text stream that escapes control characters, except line ends and tabs."""

    def __init__(self, stream: IO[str]) -> None:
        self.unfiltered = stream

    def write(self, text: str) -> int:
        try:
            self.unfiltered.write(printable_lines(text))
        except BrokenPipeError:
            end_unread()
        return len(text)

    def flush(self) -> None:
        try:
            self.unfiltered.flush()
        except BrokenPipeError:
            end_unread()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unfiltered, name)


_ASCII = {"█": "#", "░": ".", "◂": "<", "→": ">"}
_ERRORS = "galago"  # the name of this rule among the codecs


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for the characters that an encoding lacks, such as Windows's CP1252."""
    assert isinstance(error, UnicodeEncodeError)
    characters = error.object[error.start : error.end]
    return "".join(_ASCII.get(c) or json.dumps(c)[1:-1] for c in characters), error.end


codecs.register_error(_ERRORS, _replaced)


def _open_closed_streams() -> None:
    """Connect a stream that the shell has closed (`>&-`) to the null device; no file shall get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - until the end


@contextmanager
def safe_streams() -> Generator[None]:
    """Make stdout and stderr safe within this context."""
    _open_closed_streams()
    usual = sys.stdout, sys.stderr
    for stream in usual:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)
    sys.stdout, sys.stderr = (cast(IO[str], _SafeStream(stream)) for stream in usual)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = usual


def end_unread() -> NoReturn:
    """End with the status of a program that SIGPIPE ends, as `head` expects of what it reads from."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it at exit
    sys.exit(141)
