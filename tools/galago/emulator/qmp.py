# SPDX-License-Identifier: MIT
"""Commands to a running QEMU, over its machine protocol (QMP): one JSON object a line in each direction.

monitor = Monitor()
subprocess.Popen(["qemu-system-arm", *monitor.arguments, ...], pass_fds=[monitor.descriptor])
monitor.connected()                     # the child has its end now
monitor.command("pmemsave", val=address, size=size, filename=path)
"""

import json
import socket
from typing import Any

from galago.errors import GalagoError

_TIMEOUT = 20.0  # seconds without an answer; a busy host may take some


class Monitor:
    """This process's end of a QEMU's monitor."""

    def __init__(self) -> None:
        self._socket, self._other = socket.socketpair()
        self._socket.settimeout(_TIMEOUT)
        self._lines = self._socket.makefile("rb")
        self.descriptor = self._other.fileno()
        """What QEMU has to inherit."""
        self.arguments = [
            *("-chardev", f"socket,id=monitor,fd={self.descriptor}"),
            *("-mon", "chardev=monitor,mode=control"),
        ]
        self._ready = False

    def connected(self) -> None:
        """Leave the other end to QEMU, so that its end is noticed."""
        self._other.close()

    def command(self, name: str, **arguments: Any) -> None:
        """Have QEMU do something; returns when it is done. Raises GalagoError board.emulator if it fails."""
        try:
            if not self._ready:
                self._answer("QMP")
                self._send("qmp_capabilities", {})
                self._ready = True
            self._send(name, arguments)
        except (OSError, ValueError) as error:
            raise GalagoError(
                "board.emulator", f"QEMU does not answer {name} ({error}): is it still running?"
            ) from error

    def close(self) -> None:
        """Close this end."""
        self._lines.close()
        self._socket.close()
        self._other.close()

    def _send(self, name: str, arguments: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        self._answer("return")

    def _answer(self, key: str) -> None:
        """Skip events until an answer comes."""
        while True:
            line = self._lines.readline()
            if not line:
                raise OSError("it ended")
            answer = json.loads(line)
            if "error" in answer:
                raise GalagoError("board.emulator", f"QEMU: {answer['error'].get('desc', 'unknown error')}")
            if key in answer:
                return
