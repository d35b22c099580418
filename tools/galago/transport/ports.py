# SPDX-License-Identifier: MIT
"""Port names as mpremote takes them, and why a port does not open."""

import errno
import os
import re
import sys
from pathlib import Path

import serial
from mpremote.transport import TransportError
from serial.tools import list_ports

from galago.errors import GalagoError
from galago.transport.link import Link

_SHORTCUTS = {"a": "/dev/ttyACM", "u": "/dev/ttyUSB", "c": "COM"}


def open_port(port: str) -> Link:
    """Open `port`: auto, id:SERIAL, port:NAME, a0, u0, c0, a device, or a URL of pyserial.

    Raises GalagoError port.missing, port.busy or port.denied.
    """
    if port != "auto":
        return _open(device_of(port))
    for found in sorted(list_ports.comports()):
        if found.vid is not None and found.pid is not None:
            try:
                return Link(found.device)
            except TransportError:
                continue  # as mpremote does: the next one may be free
    raise GalagoError(
        "port.missing",
        "no free board found on USB: plug one in, name its port (--port), or use an emulated board",
    )


def device_of(port: str) -> str:
    """The device or URL behind a port's name. Raises GalagoError port.missing for a serial number unknown."""
    if port.startswith("id:"):
        for found in list_ports.comports():
            if found.serial_number == port[3:]:
                return found.device
        raise GalagoError(
            "port.missing", f"no board with the serial number {port[3:]}: `mpremote connect list` shows all"
        )
    shortcut = re.fullmatch(r"([auc])(\d+)", port)
    if shortcut:
        return _SHORTCUTS[shortcut[1]] + shortcut[2]
    return port.removeprefix("port:")


def _open(device: str) -> Link:
    try:
        return Link(device)
    except (TransportError, ValueError):
        pass
    try:  # mpremote does not say why; pyserial does
        serial.serial_for_url(device, exclusive=True).close()
    except (OSError, ValueError) as error:
        raise reason(device, error) from error
    return Link(device)


def reason(device: str, error: OSError | ValueError) -> GalagoError:
    """Why a port does not open."""
    number = getattr(error, "errno", None)
    if number == errno.EACCES:
        return GalagoError(
            "port.denied",
            f"no permission to open {device}: join its group (`ls -l {device}` names it) and log in again",
        )
    if number in (errno.EBUSY, errno.EAGAIN):
        return GalagoError("port.busy", f"{device} is in use{_holders(device)}: close the other program")
    return GalagoError(
        "port.missing", f"no port {device} ({error}): `mpremote connect list` shows those there are"
    )


def _holders(device: str) -> str:
    # The programs that have it open, as far as /proc shows them to this user.
    names = set()
    for link in Path("/proc").glob("[0-9]*/fd/*") if sys.platform == "linux" else ():
        try:
            if os.readlink(link) == os.path.realpath(device):
                names.add(f"{(link.parents[1] / 'comm').read_text().strip()}, process {link.parents[1].name}")
        except OSError:
            continue  # it ended, or is another user's
    return f" by {'; '.join(sorted(names))}" if names else ""
