# SPDX-License-Identifier: MIT
"""The one error of the device package; it ends up as the `error` of a serial line.

A message is one line that says what was wanted, what was found and what to do next. Codes are dotted
and stable, the same as on the host.
"""


class GalagoError(Exception):
    """A picture, model or config that cannot be used."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message
