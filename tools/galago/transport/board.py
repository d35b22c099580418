# SPDX-License-Identifier: MIT
"""A board that answers: its raw REPL and its files."""

import errno
import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from mpremote.transport import TransportExecError

from galago.errors import GalagoError
from galago.transport.failures import as_galago_errors
from galago.transport.link import Link
from galago.transport.upload import Upload

_ATTEMPT, _ATTEMPTS = 1.5, 6  # seconds, and how often, until no MicroPython answers
_CHUNK = 2048  # bytes of a file in one command; the board holds about three times as many meanwhile
_BANNER, _PROMPT = b"raw REPL; CTRL-B to exit\r\n>", b">>> "
_FOLDER = 0x4000  # in st_mode

# sys.implementation._mpy >> 10 & 15 (MicroPython, py/persistentcode.h)
_ARCH = ["", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"]
_ARCH += ["xtensa", "xtensawin", "rv32imc", "rv64imc", "", "", ""]


class Entry(NamedTuple):
    """One name in a folder of the board; `size` in bytes."""

    name: str
    is_folder: bool
    size: int


class Board:
    """A context that leaves the board at its friendly REPL. `implementation` says what the board runs.

    Its keys: name, version (a tuple), mpy (ABI and architecture of .mpy), arch, machine, platform, build.
    `root` is where its file system is: "" or "/flash", to put before the path of a file.
    """

    def __init__(self, link: Link) -> None:
        """Takes over an open port: interrupts what runs and enters the raw REPL, without a reset.

        Raises GalagoError board.firmware if no MicroPython answers.
        """
        self.port: str = link.device_name
        self._link = link
        try:
            self.interrupt()
            self.implementation = self._implementation()
            self.root = self._root()
        except BaseException:
            link.close()
            raise

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs, go back to the friendly REPL and close the port; never fails."""
        wire = self._link.wire
        with suppress(GalagoError), wire.within(_ATTEMPT):  # a board that is gone has been reported already
            wire.write(b"\r\x03\r\x02")
            self._link.skip_to(_PROMPT)
        self._link.close()

    @property
    def flat(self) -> bool:
        """Whether it runs a firmware for the K210: an old MicroPython, whose flash knows no folders."""
        return self.implementation["platform"] in ("MaixPy", "CanMV")

    # Programs

    def exec(self, code: str, timeout: float = 10.0) -> str:
        """Run `code`; what it printed. `timeout` is the longest silence in seconds.

        Raises GalagoError board.exec with the last line of the traceback; all of it is its
        __cause__.error_output.
        """
        output = bytearray()
        with self._errors():
            self._run(code, timeout, output.extend)
        return output.decode(errors="replace").replace("\r\n", "\n")

    def number(self, code: str, timeout: float = 10.0) -> int:
        """Run `code`; the whole number that it printed. Raises GalagoError port.corrupt for anything else."""
        said = self.exec(code, timeout)
        try:
            return int(said)
        except ValueError:
            raise GalagoError(
                "port.corrupt", f"{self.port}: wanted a number, got {said[:40]!r}: try again"
            ) from None

    def stream(self, code: str, on_line: Callable[[str], None], timeout: float = 60.0) -> None:
        """Run `code` and call `on_line` with each line as soon as it is whole; otherwise as exec."""
        line = bytearray()

        def consume(data: bytes) -> None:
            line.extend(data)
            if data == b"\n":
                text = line.decode(errors="replace").rstrip("\r\n")
                line.clear()
                on_line(text)

        with self._errors():
            self._run(code, timeout, consume)
        if line:
            on_line(line.decode(errors="replace"))

    def interrupt(self, attempts: int = _ATTEMPTS) -> None:
        """Stop what runs, and be at the raw REPL. Raises GalagoError board.firmware if nothing answers."""
        # A program may take its time to end, and a board that starts up may miss the first Ctrl-C. What
        # earlier attempts called forth is skipped by asking for something that nothing else answers.
        link, wire = self._link, self._link.wire
        for _ in range(attempts):
            try:
                with wire.within(_ATTEMPT):
                    wire.write(b"\r\x03")
                    wire.write(b"\r\x01")
                    link.skip_to(_BANNER)
                    question = secrets.token_hex(4).encode()
                    wire.write(b"print('%s')\x04" % question)
                    link.skip_to(b"OK" + question)
                    link.skip_to(b"\x04\x04")
                    return
            except GalagoError as error:
                if error.code != "port.timeout":
                    raise
        raise GalagoError(
            "board.firmware",
            f"{self.port}: no MicroPython answers: reset the board, or install it (micropython.org/download)",
        )

    def soft_reset(self) -> None:
        """Clear the memory of the board. boot.py runs again, main.py does not."""
        with self._errors(), self._link.wire.within(_ATTEMPT * _ATTEMPTS):
            self._link.enter_raw_repl(soft_reset=True)

    @contextmanager
    def mount(self, folder: Path) -> Iterator[None]:
        """The host's `folder` is /remote on the board."""
        link = self._link
        with self._errors():
            link.mount_local(str(folder))
            self._run(f"import os; os.chdir({self.root or '/'!r})")  # mpremote leaves it in /remote
        try:
            yield
        except BaseException:
            # The program that failed may still run, and ask for files that are no longer served.
            link.serial, link.mounted = link.wire, False
            with suppress(GalagoError):
                self.interrupt(attempts=1)
                self._run("import os; os.umount('/remote')")
            raise
        with self._errors():
            link.umount_local()

    # Files

    def put(self, data: bytes, path: str, progress: Callable[[int], None] | None = None) -> None:
        """Write a file, whole or not at all: under another name, compared by its hash, then renamed.

        `progress` gets the number of bytes sent so far. Raises GalagoError board.full, board.file or
        port.corrupt; what was there before is still there then.
        """
        part = path + ".part"
        try:
            digest = self.upload(data, part, 0, progress)
            if digest != hashlib.sha256(data).hexdigest():
                raise GalagoError(
                    "port.corrupt", f"{path} changed on its way to the board: try a shorter cable"
                )
            self.rename(part, path)
        except GalagoError as error:
            if error.code not in ("port.lost", "port.timeout"):
                with suppress(GalagoError):
                    self.remove(part)
            raise

    def upload(
        self, data: bytes, path: str, offset: int = 0, progress: Callable[[int], None] | None = None
    ) -> str:
        """Write `data` into a file from `offset` on, where it ends now; the hash of the whole file.

        What has arrived outlives an interruption. Raises GalagoError as `put` does.
        """
        try:
            with self._errors(path), Upload(self._link) as upload:
                return upload.send(data, path, offset, progress)
        except BaseException as error:
            if not isinstance(error, GalagoError) or error.code != "port.lost":
                with suppress(GalagoError):  # the board still waits for the rest
                    self.interrupt(attempts=1)
            raise

    def get(self, path: str) -> bytes:
        """The content of a file, compared by its hash. Raises GalagoError board.file or port.corrupt."""
        with self._errors(path):
            data = bytes(self._link.fs_readfile(path, chunk_size=_CHUNK))
        if self.sha256(path) != hashlib.sha256(data).hexdigest():
            raise GalagoError("port.corrupt", f"{path} changed on its way from the board: try again")
        return data

    def sha256(self, path: str) -> str | None:
        """Hash of a file, computed on the board, in hexadecimal; None if there is no such file."""
        with self._errors(path):
            try:
                return self._link.fs_hashfile(path, "sha256", chunk_size=_CHUNK).hex()
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENODEV):
                    return None
                raise

    def listdir(self, path: str = "/") -> list[Entry]:
        """What is in a folder."""
        with self._errors(path):
            return [Entry(e.name, bool(e.st_mode & _FOLDER), e.st_size) for e in self._link.fs_listdir(path)]

    def remove(self, path: str) -> None:
        """Remove a file or an empty folder."""
        with self._errors(path):
            self._link.fs_rmdir(path) if self._link.fs_isdir(path) else self._link.fs_rmfile(path)

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over an existing one if need be; in one step on LittleFS, in two on FAT."""
        with self._errors(old):
            self._run(
                "import os\n"
                f"try: os.rename({old!r}, {new!r})\n"
                "except OSError:\n"
                f" os.stat({old!r}); os.remove({new!r}); os.rename({old!r}, {new!r})"
            )

    def makedirs(self, path: str) -> None:
        """Make a folder and those above it, where they are missing."""
        folder = PurePosixPath(path)
        if self.flat and path.startswith(self.root):
            return  # a slash is a letter of names there
        for each in [*reversed(folder.parents), folder]:
            with self._errors(path):
                if not self._link.fs_isdir(str(each)):
                    self._link.fs_mkdir(str(each))

    # Between these and the board

    def _implementation(self) -> dict[str, Any]:
        with self._errors():
            found = self._link.eval(
                "(lambda i,s,o:[i[0],i[1],getattr(i,'_mpy',0),getattr(i,'_machine','')or o.uname()[4],"
                "s.platform,getattr(i,'_build','')])(*[__import__('sys').implementation,__import__('sys'),"
                "__import__('os')])"
            )
        named = dict(zip(("name", "version", "mpy", "machine", "platform", "build"), found, strict=True))
        return named | {"arch": _ARCH[named["mpy"] >> 10 & 15]}

    def _root(self) -> str:
        # At the top of a tree in which file systems are mounted, statvfs counts no blocks.
        with self._errors():
            return str(
                self._link.eval(
                    "(lambda o:'' if o.statvfs('/')[2] else (['/'+n for n in ('flash','sdcard','sd') "
                    "if n in o.listdir('/')]+[''])[0])(__import__('os'))"
                )
            )

    def _run(
        self, code: str, timeout: float = 10.0, consume: Callable[[bytes], object] | None = None
    ) -> None:
        output, traceback = self._link.exec_raw(code, timeout, consume)
        if traceback:
            raise TransportExecError(output, traceback.decode(errors="replace"))

    def _errors(self, path: str = "") -> AbstractContextManager[None]:
        return as_galago_errors(self.port, path)
