# SPDX-License-Identifier: MIT
"""The host's side of GDB's remote serial protocol, as QEMU speaks it over a pipe.

gdb = Gdb(process.stdin, process.stdout)
gdb.write(address, data)
gdb.set_register(15, address)
gdb.go()                        # until a breakpoint
"""

from typing import IO

from galago.errors import GalagoError

_MOST = 1024  # bytes in a packet


class Gdb:
    """A stopped program. Raises GalagoError native.fault where it has ended, or refuses an order."""

    def __init__(self, orders: IO[bytes], answers: IO[bytes]) -> None:
        self._orders, self._answers = orders, answers
        self._ask("qXfer:features:read:target.xml:0,1")  # without it QEMU knows no single registers

    def read(self, address: int, size: int) -> bytes:
        """Bytes of memory."""
        data = b""
        while len(data) < size:
            data += bytes.fromhex(self._ask(f"m{address + len(data):x},{min(_MOST, size - len(data)):x}"))
        return data

    def write(self, address: int, data: bytes) -> None:
        """Bytes to memory, read-only or not."""
        for at in range(0, len(data), _MOST):
            part = data[at : at + _MOST]
            self._order(f"M{address + at:x},{len(part):x}:{part.hex()}")

    def register(self, number: int) -> int:
        """The value of a register of 32 bits."""
        return int.from_bytes(bytes.fromhex(self._ask(f"p{number:x}")), "little")

    def set_register(self, number: int, value: int) -> None:
        """Sets a register of 32 bits."""
        self._order(f"P{number:x}={(value & 0xFFFF_FFFF).to_bytes(4, 'little').hex()}")

    def stop_at(self, address: int) -> None:
        """Sets a breakpoint on a Thumb instruction."""
        self._order(f"Z0,{address:x},2")

    def go(self) -> None:
        """Lets the program run until it stops."""
        self._ask("c")

    def _order(self, text: str) -> None:
        answer = self._ask(text)
        if answer != "OK":
            raise GalagoError("native.fault", f"QEMU answers {answer or 'nothing'} to {text[:40]}")

    def _ask(self, text: str) -> str:
        packet = text.encode()
        self._orders.write(b"$%b#%02x" % (packet, sum(packet) & 0xFF))
        self._orders.flush()
        self._until(b"$")
        answer = self._until(b"#")
        self._answers.read(2)  # a checksum: pipes lose nothing
        self._orders.write(b"+")
        self._orders.flush()
        return answer.decode()

    def _until(self, end: bytes) -> bytes:
        data = b""
        while (byte := self._answers.read(1)) != end:
            if not byte:
                raise GalagoError("native.fault", "the processor locked up, or QEMU has ended")
            data += byte
        return data
