# SPDX-License-Identifier: MIT
"""The first code in an emulated board's process: ties it to its owner, then becomes the interpreter.

    python -I launcher.py OWNER_PID LIFELINE_FD BINARY ROM_FD ROM_BLOCKS ARGUMENT...

Empty are LIFELINE_FD on Linux, BINARY for the packaged interpreter, and ROM_FD without a ROMFS.
The interpreter gets one more argument: the address of the ROMFS, or 0.

It runs as a script and imports nothing of Galago, so that a reset of the board takes milliseconds.
"""

import ctypes
import fcntl
import mmap
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _interrupt_between_bytecodes() -> None:
    """Make SIGUSR1 schedule a KeyboardInterrupt as a board's serial interrupt does.

    SIGINT in the Unix port leaves the running code by longjmp; a file system or garbage collection that is
    half done never recovers from that. A board instead marks the interrupt and raises it at the next
    bytecode. `mp_sched_keyboard_interrupt` does that, and may be called at any time.
    """
    import micropython_run

    schedule = ctypes.CDLL(micropython_run.__file__).mp_sched_keyboard_interrupt
    libc = ctypes.CDLL(None)
    libc.signal(signal.SIGUSR1, ctypes.cast(schedule, ctypes.c_void_p))
    libc.siginterrupt(
        signal.SIGUSR1, 1
    )  # a blocked read or sleep returns, so that the interrupt acts at once
    # The signal may come just before a read starts to block: SIGUSR2 only makes that return as well.
    libc.signal(signal.SIGUSR2, ctypes.cast(libc.abs, ctypes.c_void_p))
    libc.siginterrupt(signal.SIGUSR2, 1)


def _end_with_owner(lifeline: str) -> None:
    """Have the kernel end this process when its owner ends.

    Linux does so by itself. Elsewhere the lifeline raises SIGIO: a socket whose other end the owner has, and
    through which nothing is sent. A binary of one's own loses the handler, and stays if its owner is killed.
    """
    libc = ctypes.CDLL(None)
    if not lifeline:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        return
    libc.signal(signal.SIGIO, ctypes.cast(libc._exit, ctypes.c_void_p))
    fcntl.fcntl(int(lifeline), fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(int(lifeline), fcntl.F_SETFL, os.O_ASYNC)


def _map(descriptor: int, size: int) -> int:
    """Map the ROMFS into memory outside the heap, as flash is on a board. Returns its address."""
    global _rom  # kept until the process ends
    _rom = mmap.mmap(descriptor, size)
    return ctypes.addressof(ctypes.c_char.from_buffer(_rom))


def main(owner: int, lifeline: str, binary: str, rom: tuple[str, int], arguments: list[str]) -> None:
    """Replaces this process by `binary` if one is named; otherwise runs the interpreter in it."""
    _end_with_owner(lifeline)
    if os.getppid() != owner:  # the owner ended before the line above
        return
    if binary:  # exec discards this memory, so there is no ROMFS
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
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], (sys.argv[4], int(sys.argv[5])), sys.argv[6:])
