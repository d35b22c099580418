# SPDX-License-Identifier: MIT
"""Reads a flatbuffer in place, from a buffer or an open file, and checks every offset.

    data = Flatbuffer(source)              # bytes-like, or a file opened "rb"
    model = data.table(data.i32(0))        # a table is represented by its position
    version = data.scalar(model, 0, 4)     # field 0, 4 bytes; 0 if absent
    start, count = data.vector(model, 1, 4)

Positions are absolute. An offset that points outside the file raises GalagoError model.malformed.
"""

from micropython import const

from ...errors import GalagoError

_PAGE = const(128)  # bytes of a file that are buffered


class Flatbuffer:
    """Checked access to the tables, vectors and scalars of one flatbuffer."""

    def __init__(self, source):
        self._file = None
        try:
            self._data = memoryview(source)
            self.size = len(self._data)
            self.paged = False
        except TypeError:
            self._file = source
            self.size = source.seek(0, 2)
            self._data = bytearray(_PAGE)
            self.paged = True  # reads pages from the file as needed
        self._start = -_PAGE  # position in the file of the page in _data

    def _at(self, position, size):
        """Returns the index in _data of `size` bytes at `position`."""
        if position < 0 or position + size > self.size:
            raise GalagoError(
                "model.malformed",
                f"the model points to byte {position} of {self.size}: copy the file again",
            )
        if self._file is None:
            return position
        if not self._start <= position <= self._start + _PAGE - size:
            self._start = position
            self._file.seek(position)
            self._file.readinto(self._data)
        return position - self._start

    def scalar_at(self, position, size):
        """Returns the unsigned little-endian number of 1, 2 or 4 bytes at a position."""
        at = self._at(position, size)
        data = self._data
        value = data[at]
        for i in range(1, size):
            value |= data[at + i] << 8 * i
        return value

    def i32(self, position):
        """Returns the signed 32-bit number at a position."""
        value = self.scalar_at(position, 4)
        return value - (1 << 32) if value >> 31 else value

    def table(self, position):
        """Checks the table at a position and its vtable; returns the position."""
        vtable = position - self.i32(position)
        size = self.scalar_at(vtable, 2)
        inline = self.scalar_at(vtable + 2, 2)
        if size < 4 or size & 1 or inline < 4:
            raise GalagoError(
                "model.malformed", f"byte {position} of the model is not a table: copy the file again"
            )
        self._at(vtable, size if self._file is None else 4)
        self._at(position, inline if self._file is None else 4)
        if max(vtable + size, position + inline) > self.size:
            raise GalagoError(
                "model.malformed", f"the table at byte {position} exceeds the file: copy the file again"
            )
        return position

    def field(self, table, number, size):
        """Returns the position of a field of `size` bytes, or 0 if it is absent."""
        vtable = table - self.i32(table)
        if 4 + 2 * number >= self.scalar_at(vtable, 2):
            return 0
        offset = self.scalar_at(vtable + 4 + 2 * number, 2)
        if not offset:
            return 0
        if offset < 4 or offset + size > self.scalar_at(vtable + 2, 2):
            raise GalagoError(
                "model.malformed", f"the table at byte {table} has a field outside it: copy the file again"
            )
        return table + offset

    def scalar(self, table, number, size, default=0):
        """Returns the unsigned value of a field."""
        position = self.field(table, number, size)
        return self.scalar_at(position, size) if position else default

    def _follow(self, position):
        offset = self.scalar_at(position, 4)
        if offset < 4:
            raise GalagoError(
                "model.malformed", f"byte {position} of the model points to itself: copy the file again"
            )
        return position + offset

    def child(self, table, number):
        """Returns the table that a field points to, or 0."""
        position = self.field(table, number, 4)
        return self.table(self._follow(position)) if position else 0

    def vector(self, table, number, item):
        """Returns (position of the first item, count) of a vector of `item`-byte items; (0, 0) if absent."""
        position = self.field(table, number, 4)
        if not position:
            return 0, 0
        start = self._follow(position)
        count = self.scalar_at(start, 4)
        if start + 4 + count * item > self.size:
            raise GalagoError(
                "model.malformed", f"the vector at byte {start} exceeds the file: copy the file again"
            )
        return start + 4, count

    def tables(self, table, number):
        """Returns (position of the first offset, count) of a vector of tables, for `table_in`."""
        return self.vector(table, number, 4)

    def table_in(self, start, index):
        """Returns table number `index` of a vector of tables."""
        return self.table(self._follow(start + 4 * index))
