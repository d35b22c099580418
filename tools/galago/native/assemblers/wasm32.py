# SPDX-License-Identifier: MIT
"""An assembler of WebAssembly: functions of i32 and v128, and the module that holds them.

    code = Wasm32(parameters=2)
    code.local_get(0)
    code.local_get(1)
    code.op("i32.add")
    code.finish()                             # the body of a function

    module({"add": code}, memory=Memory(pages=2))     # a .wasm

WebAssembly is a stack machine with structured control flow: no labels, registers or branches to complete.
Opcodes are those of the WebAssembly Core Specification 2.0, section 5.4. Nothing here is relaxed SIMD, whose
results differ from one processor to the next.
"""

from dataclasses import dataclass

I32, V128 = 0x7F, 0x7B
_EMPTY = 0x40
PAGE = 65536
"""Bytes of a page of memory."""

_PLAIN = {
    "unreachable": 0x00, "else": 0x05, "end": 0x0B, "return": 0x0F, "drop": 0x1A,
    "i32.eqz": 0x45, "i32.eq": 0x46, "i32.ne": 0x47, "i32.lt_s": 0x48, "i32.lt_u": 0x49, "i32.gt_s": 0x4A,
    "i32.gt_u": 0x4B, "i32.le_s": 0x4C, "i32.le_u": 0x4D, "i32.ge_s": 0x4E, "i32.ge_u": 0x4F,
    "i32.add": 0x6A, "i32.sub": 0x6B, "i32.mul": 0x6C, "i32.div_s": 0x6D, "i32.and": 0x71, "i32.or": 0x72,
    "i32.xor": 0x73, "i32.shl": 0x74, "i32.shr_s": 0x75, "i32.shr_u": 0x76, "i32.extend8_s": 0xC0,
    "i32.extend16_s": 0xC1,
}  # fmt: skip
_MEMORY = {
    "i32.load": 0x28, "i32.load8_s": 0x2C, "i32.load8_u": 0x2D, "i32.load16_s": 0x2E, "i32.load16_u": 0x2F,
    "i32.store": 0x36, "i32.store8": 0x3A, "i32.store16": 0x3B,
}  # fmt: skip
_SIMD = {
    "i8x16.narrow_i16x8_s": 0x65, "i8x16.min_s": 0x76, "i8x16.max_s": 0x78, "i16x8.narrow_i32x4_s": 0x85,
    "i32x4.shr_s": 0xAC, "i32x4.add": 0xAE, "i32x4.dot_i16x8_s": 0xBA, "i32x4.extmul_low_i16x8_s": 0xBC,
    "i32x4.extmul_high_i16x8_s": 0xBD, "i64x2.shr_s": 0xCC, "i64x2.add": 0xCE,
    "i64x2.extmul_low_i32x4_s": 0xDC, "i64x2.extmul_high_i32x4_s": 0xDD, "v128.and": 0x4E,
    "i8x16.splat": 0x0F, "i32x4.splat": 0x11, "i64x2.splat": 0x12,
}  # fmt: skip
_SIMD_MEMORY = {"v128.load": 0x00, "v128.load8x8_s": 0x01, "v128.load32_splat": 0x09, "v128.store": 0x0B}
_STORE64_LANE, _CONST, _SHUFFLE = 0x5B, 0x0C, 0x0D


def unsigned(number: int) -> bytes:
    """A number from 0 on as LEB128."""
    out = bytearray()
    while True:
        number, byte = number >> 7, number & 127
        out.append(byte | (128 if number else 0))
        if not number:
            return bytes(out)


def signed(number: int) -> bytes:
    """A signed number as LEB128."""
    out = bytearray()
    while True:
        number, byte = number >> 7, number & 127
        done = number == (-1 if byte & 64 else 0)
        out.append(byte | (0 if done else 128))
        if done:
            return bytes(out)


class Wasm32:
    """The body of a function: `parameters` i32, then locals; it returns an i32."""

    def __init__(self, parameters: int) -> None:
        self.parameters = parameters
        self.code: bytearray = bytearray()
        self._locals: list[int] = []

    def local(self, kind: int = I32) -> int:
        """A new local."""
        self._locals.append(kind)
        return self.parameters + len(self._locals) - 1

    def local_get(self, number: int) -> None:
        """Pushes a local."""
        self.code += b"\x20" + unsigned(number)

    def local_set(self, number: int) -> None:
        """Pops into a local."""
        self.code += b"\x21" + unsigned(number)

    def local_tee(self, number: int) -> None:
        """Copies the top of the stack to a local."""
        self.code += b"\x22" + unsigned(number)

    def i32_const(self, number: int) -> None:
        """Pushes a number of 32 bits, signed or not."""
        self.code += b"\x41" + signed((number + (1 << 31)) % (1 << 32) - (1 << 31))

    def v128_const(self, data: bytes) -> None:
        """Pushes 16 bytes."""
        self._simd(_CONST)
        self.code += data

    def op(self, name: str, offset: int = 0) -> None:
        """Appends an instruction without operands, or a load or store with an offset from 0 on."""
        if name in _PLAIN:
            self.code.append(_PLAIN[name])
        elif name in _MEMORY:
            self.code += bytes((_MEMORY[name], 0)) + unsigned(offset)
        elif name in _SIMD_MEMORY:
            self._simd(_SIMD_MEMORY[name])
            self.code += b"\x00" + unsigned(offset)
        else:
            self._simd(_SIMD[name])

    def store64_lane(self, offset: int, lane: int) -> None:
        """Stores 8 of 16 bytes."""
        self._simd(_STORE64_LANE)
        self.code += b"\x00" + unsigned(offset) + bytes((lane,))

    def shuffle(self, lanes: bytes) -> None:
        """Selects 16 of the 32 bytes of two vectors."""
        self._simd(_SHUFFLE)
        self.code += lanes

    def _simd(self, opcode: int) -> None:
        self.code += b"\xfd" + unsigned(opcode)

    def block(self) -> None:
        """Begins a block; a branch to it leaves it."""
        self.code += bytes((0x02, _EMPTY))

    def loop(self) -> None:
        """Begins a loop; a branch to it starts it again."""
        self.code += bytes((0x03, _EMPTY))

    def if_(self) -> None:
        """Begins what is done if the top of the stack is not 0."""
        self.code += bytes((0x04, _EMPTY))

    def br(self, depth: int) -> None:
        """Branches to the block or loop that has `depth` others inside it."""
        self.code += b"\x0c" + unsigned(depth)

    def br_if(self, depth: int) -> None:
        """The same if the top of the stack is not 0."""
        self.code += b"\x0d" + unsigned(depth)

    def finish(self) -> bytes:
        """The entry of the code section."""
        groups = [unsigned(1) + bytes((kind,)) for kind in self._locals]
        content = _vector(groups) + bytes(self.code) + b"\x0b"
        return unsigned(len(content)) + content


@dataclass(frozen=True)
class Memory:
    """The memory of a module, which it exports as "memory" or imports as "env.memory"."""

    pages: int
    imported: bool = False


def module(functions: dict[str, Wasm32], memory: Memory, data: tuple[tuple[int, bytes], ...] = ()) -> bytes:
    """A .wasm that exports the functions; `data` are pairs of an address and the bytes there at the start."""
    bodies = list(functions.values())
    kinds = sorted({body.parameters for body in bodies})
    limits = b"\x00" + unsigned(memory.pages)
    exports = [_name(name) + b"\x00" + unsigned(number) for number, name in enumerate(functions)]
    if not memory.imported:
        exports.append(_name("memory") + b"\x02\x00")
    sections = {
        1: _vector([b"\x60" + _vector([bytes((I32,))] * n) + _vector([bytes((I32,))]) for n in kinds]),
        2: _vector([_name("env") + _name("memory") + b"\x02" + limits]) if memory.imported else b"",
        3: _vector([unsigned(kinds.index(body.parameters)) for body in bodies]),
        5: b"" if memory.imported else _vector([limits]),
        7: _vector(exports),
        10: _vector([body.finish() for body in bodies]),
        11: _vector([b"\x00\x41" + signed(at) + b"\x0b" + unsigned(len(d)) + d for at, d in data]),
    }
    parts = [
        bytes((number,)) + unsigned(len(content)) + content for number, content in sections.items() if content
    ]
    return b"\0asm\x01\0\0\0" + b"".join(parts)


def _vector(items: list[bytes]) -> bytes:
    return unsigned(len(items)) + b"".join(items)


def _name(text: str) -> bytes:
    return unsigned(len(text)) + text.encode()
