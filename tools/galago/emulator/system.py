# SPDX-License-Identifier: MIT
"""What emulated boards ask of the operating system: Linux has a call of its own for each, macOS another way.

    reader, writer = packet_pipe()       # each write is read as one packet, up to LONGEST bytes
    own, theirs = packet_sockets()       # the same in both directions
    caught(pid)                          # the signals that a process handles, as a bit mask
    reserve(descriptor, size)            # now, so that no write fails later
    subprocess.Popen(…, preexec_fn=end_with_parent)

What both have (pseudo-terminals, locks, waitpid) is used directly. `LINUX` may be set to False for tests: the
other ways work on Linux too.
"""

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

LINUX = sys.platform == "linux"

_PACKET = 4096  # bytes of a packet in a pipe (pipe(7)); longer writes become several
_PACKETS = 256  # capacity of the pipe; each packet takes a page
_DATAGRAM = 1 << 17  # bytes of a write to a datagram socket, at most
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def longest() -> int:
    """The size in bytes of the longest packet that `packet_pipe` delivers."""
    return _PACKET if LINUX else _DATAGRAM


def packet_pipe() -> tuple[int, int]:
    """The descriptors to read from, which does not block, and to write to."""
    if LINUX:
        reader, writer = os.pipe2(os.O_DIRECT | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PACKETS * _PACKET)
    else:
        reader, writer = (end.detach() for end in _datagram_sockets())
    os.set_blocking(reader, False)
    os.set_blocking(writer, True)
    return reader, writer


def packet_sockets() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets."""
    if LINUX:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return _datagram_sockets()


def caught(pid: int) -> int:
    """Bit n - 1 is set if the process handles signal n; none is set once it has ended."""
    try:
        if LINUX:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            mask = status.partition("SigCgt:")[2].split()[0]
        else:
            command = ["ps", "-o", "caught=", "-p", str(pid)]
            mask = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
        return int(mask.strip(), 16)
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return 0


def reserve(descriptor: int, size: int) -> None:
    """Gives a file its size. Raises OSError; where there is no posix_fallocate, a full disk shows later."""
    if LINUX:
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


def end_with_parent() -> None:
    """Run in a child: the kernel ends it with the thread that started it. Only Linux can."""
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _datagram_sockets() -> tuple[socket.socket, socket.socket]:
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for end in ends:
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, buffer, _DATAGRAM)
    return ends
