# SPDX-License-Identifier: MIT
"""The monitor: a program for Xtensa that carries out orders from its standard input.

Orders, and the reports on its standard output, are BLOCKs of eight words: the kind, then operands or results.
The orders are CALL (an address, up to four arguments), SYSCALL (its number, up to six arguments) and, inside
a trap, RETURN (the result). The reports are STARTED, DONE (a result), and the number of a trap that was
called (its arguments).
"""

import struct

from galago.native.assemblers.xtensa import A2, A3, A4, A5, A6, A8, A9, A10, A11, A12, A13, SP, Xtensa

PAGE = 0x1000
MONITOR, TOP = 1 << 20, 1 << 27  # addresses: of the program, and of the end of its stack
STACK_SIZE = 2 * PAGE
STACK = TOP - STACK_SIZE
FRAME = 96  # bytes of the monitor's functions
TRAPS, TRAP_SIZE = 96, 8
BLOCK = struct.Struct("<8I")
RETURN, CALL, SYSCALL = range(3)
STARTED, DONE = TRAPS, TRAPS + 1
READ, WRITE, _EXIT = 12, 13, 118  # Linux's system calls on Xtensa


def program() -> tuple[bytes, int]:
    """The program file, and the address that the program passes once for each report."""
    code, start, report = _code()
    return _elf(code, start), MONITOR + report


def _code() -> tuple[bytes, int, int]:
    """The code, which begins with the traps, and the offsets of its entry and of the report."""
    code = Xtensa()
    for number in range(TRAPS):
        code.entry(FRAME)
        code.movi(A8, number)
        code.j("trapped")
    code.label("trapped")
    for i, argument in enumerate((A2, A3, A4, A5)):
        code.s32i(argument, SP, 4 + 4 * i)
    code.j("finished")
    code.label("serve")
    code.entry(FRAME)
    code.movi(A8, STARTED)
    code.label("finished")
    code.s32i(A8, SP, 0)
    code.j("report")
    report = code.here
    code.label("report")
    for call, file in ((WRITE, 1), (READ, 0)):
        code.movi(A2, call)
        code.movi(A6, file)
        code.mov(A3, SP)
        code.movi(A4, BLOCK.size)
        code.syscall()
    code.bnei(A2, BLOCK.size, "exit")
    code.l32i(A8, SP, 0)
    code.beqz(A8, "return")
    code.bnei(A8, CALL, "syscall")
    for i, register in enumerate((A8, A10, A11, A12, A13)):
        code.l32i(register, SP, 4 + 4 * i)
    code.callx8(A8)
    code.s32i(A10, SP, 4)
    code.movi(A8, DONE)
    code.j("finished")
    code.label("syscall")
    for i, register in enumerate((A2, A6, A3, A4, A5, A8, A9)):
        code.l32i(register, SP, 4 + 4 * i)
    code.syscall()
    code.s32i(A2, SP, 4)
    code.movi(A8, DONE)
    code.j("finished")
    code.label("return")
    code.l32i(A2, SP, 4)
    code.retw()
    code.label("exit")
    code.movi(A2, _EXIT)
    code.movi(A6, 0)
    code.syscall()
    start = code.here
    for register, power in ((SP, TOP), (A8, MONITOR)):
        code.movi(register, 1)
        code.slli(register, register, power.bit_length() - 1)
    pages = code.offset("serve") + 0x80 & ~0xFF
    code.addmi(A8, A8, pages)
    code.addi(A8, A8, code.offset("serve") - pages)
    code.callx8(A8)
    return code.finish(), start, report


def _elf(code: bytes, start: int) -> bytes:
    """An ELF file with two segments: the code at MONITOR, and an empty stack."""
    header = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header += struct.pack("<HHIIIIIHHHHHH", 2, 94, 1, MONITOR + start, 52, 0, 0, 52, 32, 2, 0, 0, 0)
    header += struct.pack("<8I", 1, PAGE, MONITOR, MONITOR, len(code), len(code), 5, PAGE)
    header += struct.pack("<8I", 1, 0, STACK, STACK, 0, STACK_SIZE, 6, PAGE)
    return header.ljust(PAGE, b"\0") + code
