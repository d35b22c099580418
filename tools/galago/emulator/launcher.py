# SPDX-License-Identifier: MIT
"""First code in the process of an emulated board: ties it to its owner, then becomes the interpreter.

    python -I launcher.py OWNER_PID BINARY_OR_EMPTY ROM_FD_OR_EMPTY ROM_BLOCKS ARGUMENT...

The interpreter gets one argument more: the address of the ROMFS, 0 for none.

Runs as a script, alone: it imports nothing of Galago, so that a reset of the board takes milliseconds.
"""

import ctypes
import mmap
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
    # The mark may come just before a read starts to block: SIGUSR2 does nothing but make that return as well.
    libc.signal(signal.SIGUSR2, ctypes.cast(libc.abs, ctypes.c_void_p))
    libc.siginterrupt(signal.SIGUSR2, 1)


def _map(descriptor: int, size: int) -> int:
    """Have the ROMFS in memory, outside the heap, as a board has its flash; where."""
    global _rom  # as long as the process
    _rom = mmap.mmap(descriptor, size)
    return ctypes.addressof(ctypes.c_char.from_buffer(_rom))


def main(owner: int, binary: str, rom: tuple[str, int], arguments: list[str]) -> None:
    """Never returns when `binary` is named; otherwise runs the interpreter in this process."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != owner:  # the owner ended before the line above
        return
    if binary:  # another program loses this one's memory: it has no ROMFS
        try:
            os.execv(binary, [binary, *arguments, "0"])
        except OSError as error:
            sys.exit(f"{binary}: {error.strerror}")
    import micropython_run

    _interrupt_between_bytecodes()
    descriptor, blocks = rom
    address = _map(int(descriptor), 4096 * blocks) if blocks else 0
    micropython_run.run_main(["micropython", *arguments, str(address)])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], (sys.argv[3], int(sys.argv[4])), sys.argv[5:])
