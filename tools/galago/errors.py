# SPDX-License-Identifier: MIT
"""The only error class of the host.

A message is one line that says what was expected, what was found and what to do next:

    raise GalagoError("port.missing", f"no serial port {port}: plug the board in, or try --board RPI_PICO2")

The command line catches it in one place and prints it; any other exception that reaches the user is a bug.
"""

from galago.printable import printable


class GalagoError(Exception):
    """A problem that the user can fix. `code` is dotted and stable, on host and board (docs/errors.md)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(printable(message))
        self.code = code
        self.message = printable(message)
        """One line without control characters, whatever it quotes of a file or of a board's answer."""
