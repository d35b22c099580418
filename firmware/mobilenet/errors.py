# SPDX-License-Identifier: MIT
"""The only exception class of the device package; it is reported as the `error` of a serial line.

A message is one line: what was expected, what was found and what to do next, even if a name in it has line
breaks. Codes are dotted, stable, and the same as on the host.
"""


class GalagoError(Exception):
    """A picture, model or config that cannot be used."""

    def __init__(self, code, message):
        message = message.replace("\r", " ").replace("\n", " ")
        super().__init__(message)
        self.code = code
        self.message = message
