# SPDX-License-Identifier: MIT
"""Port names as mpremote takes them, and why a port does not open."""

import errno
import os
import re
import sys
from pathlib import Path

import serial
from serial.tools import list_ports

from galago.errors import GalagoError
from galago.transport.mpremote_adapter import RawRepl, TransportError
from galago.transport.timed_port import close_serial

_SHORTCUTS = {"a": "/dev/ttyACM", "u": "/dev/ttyUSB", "c": "COM"}


def open_port(port: str) -> RawRepl:
    """Open `port`: auto, id:SERIAL, port:NAME, a0, u0, c0, a device, or a URL of pyserial.

    Raises GalagoError port.missing, port.busy or port.denied.
    """
    if port != "auto":
        return _open(device_of(port))
    for candidate in sorted(list_ports.comports()):
        if candidate.vid is not None and candidate.pid is not None:
            try:
                return RawRepl(candidate.device)
            except TransportError:
                continue  # as mpremote does: the next one may be free
    raise GalagoError(
        "port.missing",
        "no free board found on USB: plug one in, name its port (--port), or use an emulated board",
    )


def device_of(port: str) -> str:
    """Return the device or URL that a port's name stands for.

    Raises GalagoError port.missing for an unknown serial number, usage for WebREPL.
    """
    if port.startswith(("ws:", "wss:")):
        raise GalagoError(
            "usage",
            f"{port}: WebREPL is not supported: use the board's USB port, or a serial port in the network "
            "(socket://HOST:PORT, rfc2217://HOST:PORT)",
        )
    if port.startswith("id:"):
        for candidate in list_ports.comports():
            if candidate.serial_number == port[3:]:
                return candidate.device
        raise GalagoError(
            "port.missing",
            f"no board with the serial number {port[3:]}: `mpremote connect list` shows all boards",
        )
    shortcut = re.fullmatch(r"([auc])(\d+)", port)
    if shortcut:
        return _SHORTCUTS[shortcut[1]] + shortcut[2]
    return port.removeprefix("port:")


def _open(device: str) -> RawRepl:
    try:
        return RawRepl(device)
    except (TransportError, ValueError):
        pass
    try:  # mpremote does not say why; pyserial does
        close_serial(serial.serial_for_url(device, exclusive=True))
    except (OSError, ValueError) as error:
        raise opening_error(device, error) from error
    return RawRepl(device)


def opening_error(device: str, error: OSError | ValueError) -> GalagoError:
    """Return the error that says why `device` does not open, from pyserial's exception."""
    number = getattr(error, "errno", None)
    if number == errno.EACCES:
        return GalagoError(
            "port.denied",
            f"no permission to open {device}: join its group (`ls -l {device}` names it) and log in again",
        )
    if number in (errno.EBUSY, errno.EAGAIN):
        return GalagoError("port.busy", f"{device} is in use{_holders(device)}: close the other program")
    reason = os.strerror(number) if number else str(error)  # pyserial repeats it in its own text
    return GalagoError(
        "port.missing", f"no port {device} ({reason}): `mpremote connect list` shows all boards"
    )


def _holders(device: str) -> str:
    """Return " by NAME, process PID; …" for the programs that hold `device` open, as far as /proc shows."""
    holders: set[str] = set()
    for link in Path("/proc").glob("[0-9]*/fd/*") if sys.platform == "linux" else ():
        try:
            if os.readlink(link) == os.path.realpath(device):
                process = link.parents[1]
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                holders.add(f"{name}, process {process.name}")
        except OSError:
            continue  # it has ended, or belongs to another user
    return f" by {'; '.join(sorted(holders))}" if holders else ""
