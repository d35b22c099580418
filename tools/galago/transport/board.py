# SPDX-License-Identifier: MIT
"""A connected board: its raw REPL and its files."""

import errno
import hashlib
import secrets
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

from galago.errors import GalagoError
from galago.transport.error_translation import as_galago_errors
from galago.transport.identity import file_system_root, read_implementation
from galago.transport.mpremote_adapter import RawRepl, TransportExecError
from galago.transport.upload import FileUpload

_Result = TypeVar("_Result")

_ATTEMPT = 1.5  # seconds until Ctrl-C and Ctrl-A are sent again
_ATTEMPTS = (1, 1, 1, 2, 4, 2)  # how many times as long each attempt lasts: a slow board gets its time
_PERSISTENT = 3  # attempts after which Ctrl-C is sent again and again
_INTERRUPTS = 60
_SOFT_RESET = 60.0  # seconds without a byte, for a boot.py that connects to a network
_CHUNK = 2048  # bytes of a file in one command; the board holds about three times as many meanwhile
_DIGITS = 20  # characters of a number
_LARGEST_FILE = 64 << 20  # bytes of a file that is read
_LARGEST_READ = 4200  # bytes that a board may be waiting for from a mounted folder
_BANNER, _PROMPT = b"raw REPL; CTRL-B to exit\r\n>", b">>> "
_FOLDER = 0x4000  # in st_mode


class DirEntry(NamedTuple):
    """One name in a folder of the board; `size` in bytes."""

    name: str
    is_folder: bool
    size: int


class Board:
    """A context manager that leaves the board at its friendly REPL. `implementation` says what it runs.

    `root` is where its file system is mounted: "" or, for example, "/flash", to put before a file's path.
    """

    def __init__(self, repl: RawRepl) -> None:
        """Take over an open port: interrupt what runs and enter the raw REPL, without a reset.

        Raises GalagoError board.firmware if no MicroPython answers.
        """
        self.port: str = repl.device_name
        self._repl = repl
        try:
            self.interrupt()
            try:
                self._identify()
            except GalagoError as error:
                if error.code not in ("port.corrupt", "port.timeout", "board.firmware"):
                    raise
                try:
                    self.soft_reset()  # ends a thread that prints meanwhile
                    self._identify()
                except GalagoError:
                    raise error from None
        except BaseException:
            repl.close()
            raise

    def _identify(self) -> None:
        with self._errors():
            self.implementation = read_implementation(self._repl)
            self.root = file_system_root(self._repl)

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs, return to the friendly REPL and close the port; never fails."""
        port = self._repl.port
        with suppress(GalagoError), port.deadline(_ATTEMPT):  # a board that is gone has been reported already
            port.write(b"\r\x03\r\x02")
            self._repl.skip_to(_PROMPT)
        self._repl.close()

    @property
    def has_flat_filesystem(self) -> bool:
        """Whether it runs a firmware for the K210: an old MicroPython, whose flash has no folders."""
        return self.implementation["platform"] in ("MaixPy", "CanMV")

    def has_filesystem(self) -> bool:
        """Whether a file system is mounted at `root`: a board may have none, or one that is damaged."""
        return self.exec_int(f"import os; s = os.statvfs({self.root or '/'!r}); print(s[2] + s[3])") > 0

    def space(self, mount: str | None = None) -> tuple[int, int]:
        """Return the bytes of a block of the file system (files take whole blocks), and of what is free.

        It is the one at `mount`, or the board's own.
        An overfull LittleFS counts a negative number of free blocks, which wraps around: it has none.
        """
        self.exec(f"import os; _s = os.statvfs({mount or self.root or '/'!r})")
        block = self.exec_int("print(_s[0])")
        free = self.exec_int("print(_s[0] * _s[3] if _s[3] <= _s[2] else 0)")
        self.exec("del _s")
        return max(block, 1), free

    # Programs

    def exec(self, code: str, timeout: float = 10.0, repeatable: bool = False) -> str:
        """Run `code` and return what it printed. `timeout` is the longest silence in seconds.

        A slow board gets more time. A `repeatable` program, which does the same when it runs twice, is run
        again if its answer is lost. Raises GalagoError board.exec with the last line of the traceback; all of
        it is its __cause__.error_output.
        """

        def run() -> str:
            output = bytearray()
            with self._errors():
                self._run(code, timeout, output.extend)
            return output.decode(errors="replace").replace("\r\n", "\n")

        return self._repeated(run) if repeatable else run()

    def exec_int(self, code: str, timeout: float = 10.0) -> int:
        """Run `code` and return the integer that it printed. Raises GalagoError port.corrupt otherwise."""
        output = self.exec(code, timeout)
        try:
            return int(output[:_DIGITS])
        except ValueError:
            raise GalagoError(
                "port.corrupt", f"{self.port}: expected a number, got {output[:40]!r}: try again"
            ) from None

    def stream(self, code: str, on_line: Callable[[str], None], timeout: float = 60.0) -> None:
        """Run `code` and call `on_line` with each line as soon as it is complete; otherwise like exec."""
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

    def interrupt(self, attempts: int = len(_ATTEMPTS)) -> None:
        """Stop what runs and be at the raw REPL. Raises GalagoError board.firmware if nothing answers."""
        # A program may need time to end, and a board that starts up may miss the first Ctrl-C. Answers to
        # earlier attempts are skipped by asking for something that nothing else prints.
        repl, port = self._repl, self._repl.port
        for number, factor in enumerate(_ATTEMPTS[:attempts]):
            try:
                with port.deadline(port.patience(_ATTEMPT * factor)):
                    last = number == len(_ATTEMPTS) - 1
                    # A board that still waits for a mounted folder, of a host that was killed, takes Ctrl-C
                    # for the folder's bytes.
                    port.write(b"\r" + b"\x03" * (_LARGEST_READ if last else 1))
                    if number >= _PERSISTENT:
                        self._insist()
                    port.write(b"\r\x01")
                    repl.skip_to(_BANNER)
                    question = secrets.token_hex(4).encode()
                    asked = port.now()
                    port.write(b"print('%s')\x04" % question)
                    repl.skip_to(b"OK" + question)
                    port.round_trip = port.now() - asked
                    repl.skip_to(b"\x04\x04")
                    return
            except GalagoError as error:
                if error.code != "port.timeout":
                    raise
        printed = port.heard.decode(errors="replace").split()
        if any(word.isprintable() for word in printed):
            raise GalagoError(
                "board.firmware",
                f"{self.port}: a program prints {' '.join(printed)[-60:]!r} and does not stop at Ctrl-C: run "
                "this command again and press the board's reset button while it runs, then rename main.py",
            )
        raise GalagoError(
            "board.firmware",
            f"{self.port}: no MicroPython answers: reset the board, or install it (micropython.org/download)",
        )

    def _insist(self) -> None:
        """Send Ctrl-C so often that one arrives where a program that catches it does not expect it.

        That is while its handler runs, or as soon as main.py starts after a reset.
        """
        for _ in range(_INTERRUPTS):
            self._repl.port.write(b"\x03")
            time.sleep(0.03)
            self._repl.port.discard()

    def soft_reset(self) -> None:
        """Clear the board's memory. boot.py runs again, main.py does not."""
        port = self._repl.port
        with self._errors(), port.silence(_SOFT_RESET), port.deadline(2 * port.patience(_SOFT_RESET)):
            self._repl.soft_reset()

    @contextmanager
    def mount(self, folder: Path) -> Generator[None]:
        """Make the host's `folder` /remote on the board within this context."""
        repl = self._repl
        with self._errors():
            repl.mount_local(str(folder))
            self._run(f"import os; os.chdir({self.root or '/'!r})")  # mpremote leaves it in /remote
        try:
            yield
        except BaseException:
            # The program that failed may still run, and wait for files that are no longer served.
            repl.stop_serving()
            with suppress(GalagoError):
                repl.port.write(b"\x03" * _LARGEST_READ)
                self.interrupt(attempts=3)
                self._run("import os; os.umount('/remote')")
            raise
        with self._errors():
            repl.umount_local()

    # Files

    def put(self, data: bytes, path: str, progress: Callable[[int], None] | None = None) -> None:
        """Write a file, all of it or nothing: under another name, checked by its hash, then renamed.

        `progress` gets the number of bytes sent so far. Raises GalagoError board.full, board.file or
        port.corrupt; the previous content is still there then.
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
        """Append `data` to a file that ends at `offset`; returns the SHA-256 of the whole file.

        What has arrived survives an interruption. Raises GalagoError as `put` does.
        """
        try:
            with self._errors(path), FileUpload(self._repl) as upload:
                return upload.send(data, path, offset, progress)
        except BaseException as error:
            if not isinstance(error, GalagoError) or error.code != "port.lost":
                with suppress(GalagoError):  # the board still waits for the rest
                    self.interrupt(attempts=1)
            raise

    def get(self, path: str) -> bytes:
        """Return a file's content, checked by its hash. Raises GalagoError board.file or port.corrupt."""

        def read() -> bytes:
            with self._errors(path):
                return self._repl.read_file(path, _CHUNK, _LARGEST_FILE)

        data = self._repeated(read)
        if self.sha256(path) != hashlib.sha256(data).hexdigest():
            raise GalagoError("port.corrupt", f"{path} changed on its way from the board: try again")
        return data

    def sha256(self, path: str) -> str | None:
        """Return a file's hash, computed on the board, in hexadecimal; None if there is no such file."""

        def read() -> str | None:
            with self._errors(path):
                try:
                    return self._repl.fs_hashfile(path, "sha256", chunk_size=_CHUNK).hex()
                except OSError as error:
                    if error.errno in (errno.ENOENT, errno.ENODEV):
                        return None
                    raise

        return self._repeated(read)

    def listdir(self, path: str = "/") -> list[DirEntry]:
        """Return the entries of a folder."""

        def read() -> list[DirEntry]:
            with self._errors(path):
                entries = self._repl.listdir(path)
                return [DirEntry(name, bool(mode & _FOLDER), size) for name, mode, size in entries]

        return self._repeated(read)

    def remove(self, path: str) -> None:
        """Remove a file or an empty folder."""
        with self._errors(path):
            self._repl.fs_rmdir(path) if self._repl.fs_isdir(path) else self._repl.fs_rmfile(path)

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
        if self.has_flat_filesystem and path.startswith(self.root):
            return  # a slash is part of a file's name there
        for each in [*reversed(folder.parents), folder]:
            with self._errors(path):
                if not self._repl.fs_isdir(str(each)):
                    self._repl.fs_mkdir(str(each))

    # Between these methods and the board

    def _repeated(self, query: Callable[[], _Result]) -> _Result:
        """Return the result of `query`, which changes nothing; ask again if the answer is lost or garbled."""
        try:
            return query()
        except GalagoError as error:
            if error.code not in ("port.timeout", "port.corrupt"):
                raise
            try:
                self.interrupt()
                return query()
            except GalagoError:
                raise error from None

    def _run(
        self, code: str, timeout: float = 10.0, consume: Callable[[bytes], object] | None = None
    ) -> None:
        output, traceback = self._repl.exec_raw(code, timeout, consume)
        if traceback:
            raise TransportExecError(output, traceback.decode(errors="replace"))

    def _errors(self, path: str = "") -> AbstractContextManager[None]:
        return as_galago_errors(self.port, path)
