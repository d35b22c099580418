# SPDX-License-Identifier: MIT
"""A folder of the host that a board reads over its port: mpremote's protocol, for reading only.

The board decides what arrives here. It gets the files below the folder, and a request that is unknown or that
makes no sense ends the connection.
"""

import errno
import struct

from mpremote.transport_serial import PyboardCommand, SerialIntercept, fs_hook_cmds

from galago.errors import GalagoError
from galago.transport.timed_port import TimedPort

_REQUEST = b"\x18"
_READING = ("STAT", "ILISTDIR_START", "ILISTDIR_NEXT", "CLOSE", "READLINE", "SEEK")
_LARGEST_PIECE = 1 << 20  # bytes of a file in one answer


class ServedFolder(PyboardCommand):
    """Answers the requests of one board."""

    def answer(self, request: int) -> None:
        """Answer a request whose first byte has arrived. Raises GalagoError port.corrupt for a wrong one."""
        try:
            self.cmd_table[request](self)
        except (LookupError, TypeError, ValueError, AttributeError, struct.error, OSError) as error:
            raise GalagoError(
                "port.corrupt",
                f"the board asks for a file in a way that has no meaning ({error!r}): reset the board",
            ) from error

    def open_for_reading(self) -> None:
        """Open a file; other modes are refused, as by a read-only file system."""
        path, mode = self.root + self.rd_str(), self.rd_str()
        try:
            if mode not in ("r", "rb", "rt"):
                raise OSError(errno.EROFS, "the folder is read-only")
            self.path_check(path)
            file = open(path, "rb")  # noqa: SIM115 (CLOSE closes it)
        except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
            self.wr_s8(-(getattr(error, "errno", None) or errno.EINVAL))
            return
        if None not in self.data_files:
            self.data_files.append(None)
        number = self.data_files.index(None)
        self.data_files[number] = (file, False)
        self.wr_s8(number)

    def read_piece(self) -> None:
        """Send the next bytes of a file, at most a megabyte."""
        opened, size = self.data_files[self.rd_s8()], self.rd_s32()
        if opened is None:
            raise ValueError("the file is closed")
        self.wr_bytes(opened[0].read(_LARGEST_PIECE if size < 0 else min(size, _LARGEST_PIECE)))

    cmd_table = {
        fs_hook_cmds[f"CMD_{name}"]: PyboardCommand.cmd_table[fs_hook_cmds[f"CMD_{name}"]]
        for name in _READING
    } | {
        fs_hook_cmds["CMD_OPEN"]: open_for_reading,
        fs_hook_cmds["CMD_READ"]: read_piece,
    }


class FolderRequests(SerialIntercept):
    """The port with the requests taken out of what the board sends."""

    def __init__(self, port: TimedPort, folder: ServedFolder) -> None:
        super().__init__(port, folder)
        self._folder = folder

    def _check_input(self, blocking: bool) -> None:
        if not blocking and not self.orig_serial.inWaiting():
            return
        data = self.orig_serial.read(1)
        if data == _REQUEST:
            request = self.orig_serial.read(1)[0]
            self.orig_serial.write(_REQUEST)  # acknowledges it
            self._folder.answer(request)
        else:
            self.buf += data
