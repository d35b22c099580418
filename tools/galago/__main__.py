# SPDX-License-Identifier: MIT
"""The command `galago`, which is `python -m galago` too: it ends cleanly even while it is still starting."""

import os
import signal
import sys
from threading import Timer
from types import FrameType


def main() -> None:
    """Run the command line (galago.cli.main)."""
    sys.unraisablehook = _send_again
    try:
        for name in ("SIGTERM", "SIGHUP"):  # there is no SIGHUP on Windows
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _end)
        from galago.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


def _end(number: int, frame: FrameType | None) -> None:
    """End as after an error, so that temporary folders are removed; a second signal ends at once."""
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)


def _send_again(lost: "sys.UnraisableHookArgs") -> None:
    """Handle a signal again whose exception Python could not pass on: in a callback of its own, as imports
    have them, an exception is only printed, and the command would go on."""
    code = lost.exc_value.code if isinstance(lost.exc_value, SystemExit) else None
    if isinstance(code, int) and code > 128:
        number = code - 128
        signal.signal(number, _end)
    elif isinstance(lost.exc_value, KeyboardInterrupt):
        number = signal.SIGINT
    else:
        sys.__unraisablehook__(lost)
        return
    Timer(_SOON, os.kill, (os.getpid(), number)).start()


_SOON = 0.01  # seconds, when the callback is over

if __name__ == "__main__":
    main()
