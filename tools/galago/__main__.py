# SPDX-License-Identifier: MIT
"""The command `galago`, which is `python -m galago` too: it ends cleanly even while it is still starting."""

import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line (galago.cli.main)."""
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


if __name__ == "__main__":
    main()
