# SPDX-License-Identifier: MIT
"""mpremote's exceptions, raised again as GalagoError."""

import errno
from collections.abc import Generator
from contextlib import contextmanager

from galago.errors import GalagoError
from galago.transport.mpremote_adapter import TransportError, TransportExecError


@contextmanager
def as_galago_errors(port: str, path: str = "") -> Generator[None]:
    """Wrap calls of mpremote's transport; `path` is the file on the board that they work on, if any.

    Raises board.full and board.file for that file, board.exec for a traceback, board.firmware for an answer
    that is not MicroPython's, port.corrupt for one that cannot be read.
    """
    try:
        yield
    except TransportExecError as error:
        last = (error.error_output.strip().splitlines() or ["no traceback"])[-1]
        if path and last.startswith("OSError: "):
            raise _file_error(path, last, full="ENOSPC" in last or last.endswith(" 28")) from error
        raise GalagoError("board.exec", f"{port}: {last}") from error
    except TransportError as error:
        raise GalagoError(
            "board.firmware",
            f"{port}: {error}: not an answer of MicroPython, reset the board and try again",
        ) from error
    except (ValueError, SyntaxError) as error:  # mpremote parses a corrupt answer
        raise GalagoError("port.corrupt", f"{port}: the board's answer is garbled: try again") from error
    except OSError as error:  # mpremote translates a traceback about a file
        raise _file_error(path, str(error.strerror or error), full=error.errno == errno.ENOSPC) from error


def _file_error(path: str, reason: str, full: bool) -> GalagoError:
    if full:
        return GalagoError("board.full", f"{path}: no space left on the board: remove files from it")
    return GalagoError("board.file", f"{path} on the board: {reason}")
