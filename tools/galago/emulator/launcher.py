# SPDX-License-Identifier: MIT
"""First code in the process of an emulated board: ties it to its owner, then becomes the interpreter.

    python -I launcher.py OWNER_PID BINARY_OR_EMPTY ARGUMENT...

Runs as a script, alone: it imports nothing of Galago, so that a reset of the board takes milliseconds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _interrupt_between_bytecodes() -> None:
    """Make SIGUSR1 ask for a KeyboardInterrupt the way a board's serial interrupt does.

    SIGINT in the Unix port leaves whatever runs by longjmp: a file system or garbage collection in the middle
    of its work never recovers from that. A board instead marks the interrupt and raises it at the next
    bytecode; `mp_sched_keyboard_interrupt` is that same function, made to be called at any moment.
    """
    import micropython_run

    mark = ctypes.CDLL(micropython_run.__file__).mp_sched_keyboard_interrupt
    libc = ctypes.CDLL(None)
    libc.signal(signal.SIGUSR1, ctypes.cast(mark, ctypes.c_void_p))
    libc.siginterrupt(signal.SIGUSR1, 1)  # a blocked read or sleep returns, so that it is noticed at once


def main(owner: int, binary: str, arguments: list[str]) -> None:
    """Never returns when `binary` is named; otherwise runs the interpreter in this process."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != owner:  # the owner ended before the line above
        return
    if binary:
        try:
            os.execv(binary, [binary, *arguments])
        except OSError as error:
            sys.exit(f"{binary}: {error.strerror}")
    import micropython_run

    _interrupt_between_bytecodes()
    micropython_run.run_main(["micropython", *arguments])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
