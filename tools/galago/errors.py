# SPDX-License-Identifier: MIT
"""The only error class of the host.

A message is one line that says what was expected, what was found and what to do next:

    raise GalagoError("port.missing", f"no serial port {port}: plug the board in, or try --board RPI_PICO2")

The command line catches it in one place and prints it; any other exception that reaches the user is a bug.
"""

import errno

from galago.printable import printable


class GalagoError(Exception):
    """A problem that the user can fix. `code` is dotted and stable, on host and board (docs/errors.md)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(printable(message))
        self.code = code
        self.message = printable(message)
        """One line without control characters, whatever it quotes of a file or of a board's answer."""


def of_file(error: OSError) -> GalagoError:
    """Return the error for a file of the host that cannot be read or written: disk.full or file.access."""
    where = f"{error.filename}: " if error.filename is not None else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return GalagoError("disk.full", f"{where}no space left on the disk: free some and run it again")
    reason = error.strerror or str(error)
    return GalagoError("file.access", f"{where}{reason}: choose another path, or change its permissions")
