# SPDX-License-Identifier: MIT
"""Viper code on 32-bit cores against the real interpreter, which runs the same source on x64."""

from array import array

import pytest
import unicorn

from galago.errors import GalagoError
from galago.native import mpy
from galago.native.verify.cores import CORES
from galago.native.verify.runtime import Runtime

SOURCE = """
import micropython
FACTOR = 1000
TABLE = bytearray(b"abcdefgh")
@micropython.viper
def arithmetic(a: int, b: int) -> int:
    return (a + b * 3 - (a ^ b)) * 5 + (a >> 3) + (b << 2) + (a & b) + (a | b) - (-a)
@micropython.viper
def divide(a: int, b: int) -> int:
    return (a // b) * 100 + a % b
@micropython.viper
def compare(a: int, b: int) -> int:
    r = 0
    if a < b: r += 1
    if a <= b: r += 2
    if a == b: r += 4
    if a != b: r += 8
    if a > b: r += 16
    if a >= b: r += 32
    if a: r += 64
    if not b: r += 128
    return r
@micropython.viper
def positive(a: int, b: int) -> bool:
    return a + b > 0
@micropython.viper
def shift(a: int, b: int) -> uint:
    return uint(a & 0xffff) >> (b & 7)
@micropython.viper
def other(a: int, b: int) -> int:
    return int(arithmetic(a, b)) - int(divide(b, 7)) * int(FACTOR)
@micropython.viper
def look_up(a: int, b: int) -> int:
    table = ptr8(TABLE)
    table[b & 7] = table[a & 7] + 1
    return table[b & 7]
@micropython.viper
def nothing(a: int, b: int):
    pass
@micropython.viper
def many(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int) -> int:
    return a - b + c * 2 - d * 3 + e * 4 - f * 5 + g * 6 - h * 7
@micropython.viper
def bytes_of(a: ptr8, n: int) -> int:
    s = 0
    for i in range(n):
        s = s * 3 + a[i] & 0xffffff
    return s
@micropython.viper
def transform(a: ptr8, b: ptr16, c: ptr32, n: int):
    i = 0
    while i < n:
        b[i] = a[i] * 257 - 5
        c[i] = b[i] * 66000 - a[i]
        a[i] = b[i] >> 3
        i += 1
"""
PAIRS = [(0, 1), (1, 1), (-1, 2), (7, -2), (-7, 2), (-7, -2), (12345, 678), (-99999, 31), (2, 99999)]
RUN = """
for a, b in {pairs}:
    for f in (arithmetic, divide, compare, positive, shift, other, look_up, nothing):
        print(f(a, b))
print(many(1, 2, 3, 4, 5, 6, 7, 8), many(-9, 8, -7, 6, -5, 4, -3, 2))
data = bytearray(range(3, 250, 13))
b, c = array('H', list(data)), array('I', list(data))
print(bytes_of(data, len(data)), bytes_of(memoryview(data)[5:], 9))
print(transform(data, b, c, len(data)), bytes(data), bytes(b), bytes(c))
"""


@pytest.mark.parametrize("arch", CORES)
def test_computes_as_the_interpreter_does(arch, micropython, capsys):
    from array import array

    script = RUN.format(pairs=PAIRS)
    expected = micropython(f"from array import array\n{SOURCE}\n{script}")
    names: dict = {"array": array, "FACTOR": 1000, "TABLE": bytearray(b"abcdefgh")}
    names.update(Runtime(CORES[arch], strict=True).load(mpy.read(mpy.compile(SOURCE, arch)), names))
    exec(script, names)
    assert capsys.readouterr().out == expected


def wrap(value: int) -> int:
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


@pytest.mark.parametrize("arch", CORES)
def test_words_wrap_around_at_32_bits(arch):
    source = """
import micropython
@micropython.viper
def f(a: int, b: int) -> int:
    return a * b + a
@micropython.viper
def left(a: int, n: int) -> int:
    return a << n
@micropython.viper
def unsigned(a: int) -> uint:
    return uint(a)
"""
    functions = Runtime(CORES[arch]).load(mpy.read(mpy.compile(source, arch)), {})
    edges = [0, 1, -1, 65535, (1 << 30) - 1, 1 << 30, -(1 << 30), -(1 << 30) - 1, (1 << 31) - 1, -(1 << 31)]
    for a in edges:
        for b in edges:
            assert functions["f"](a, b) == wrap(a * b + a)
        for n in (0, 1, 15, 31):
            assert functions["left"](a, n) == wrap(a << n)
        assert functions["unsigned"](a) == a % (1 << 32)
    assert functions["f"](1 << 40 | 3, 5) == 18  # an int argument loses what a word cannot hold


@pytest.mark.parametrize("arch", CORES)
def test_counts_as_single_steps_do(arch):
    runtime = Runtime(CORES[arch])
    functions = runtime.load(mpy.read(mpy.compile(SOURCE, arch)), {})
    steps = 0

    def step(uc, address, size, _):
        nonlocal steps
        steps += 1

    machine = runtime.machine
    for function in functions.values():
        start = function.code & ~1
        machine._uc.hook_add(unicorn.UC_HOOK_CODE, step, begin=start, end=start + 4095)
    functions["compare"](3, 4)
    functions["divide"](-70, 9)
    functions["bytes_of"](bytes(range(40)), 40)
    # Stepping does not see an instruction that an IT block skips: one of the two of each `ite`.
    skipped = sum(
        times * sum(line.startswith("ite ") for line in machine.listing(block))
        for block, times in machine.blocks.items()
    )
    assert skipped > 0 or arch not in ("armv7m", "armv7emsp", "armv7emdp")
    assert machine.instructions() == steps + skipped
    assert steps > 40 * 10


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("return int(len(p))", "uses the global len"),
        ("return int(ptr8(p)[0]) // 0", "divides by zero"),
        ("return int(p[0])", r"mp_fun_table\[15\]"),
    ],
)
def test_what_no_kernel_needs_is_refused(line, message):
    source = f"import micropython\n@micropython.viper\ndef f(p) -> int:\n    {line}\n"
    function = Runtime(CORES["armv6m"]).load(mpy.read(mpy.compile(source, "armv6m")), {})["f"]
    with pytest.raises(GalagoError, match=message) as error:
        function(b"abc")
    assert error.value.code == "native.call"


def test_views_of_one_buffer_share_memory():
    source = """
import micropython
@micropython.viper
def move(a: ptr8, b: ptr8, n: int):
    i = 0
    while i < n:
        b[i] = a[i]
        i += 1
"""
    move = Runtime(CORES["armv7emsp"]).load(mpy.read(mpy.compile(source, "armv7emsp")), {})["move"]
    buffer = bytearray(range(10))
    move(memoryview(buffer), memoryview(buffer)[2:], 8)
    assert buffer == bytes([0, 1] * 5)
    buffer[0] = 9
    move(buffer, memoryview(buffer)[4:], 4)
    assert buffer == bytes([9, 1, 0, 1, 9, 1, 0, 1, 0, 1])


# fun(self, n_args, n_kw, args): word 1 of the items of the array in args[0] is an address; its byte goes up
# by word 2.
FOREIGN = {
    # ldr r0, [r3] / ldr r0, [r0, #12] / ldr r1, [r0, #4] / ldr r2, [r0, #8] / ldrb r3, [r1] /
    # adds r3, r3, r2 / strb r3, [r1] / movs r0, #1 / bx lr
    "armv6m": "1868 c068 4168 8268 0b78 9b18 0b70 0120 7047",
    # lw a0, 0(a3) / lw a0, 12(a0) / lw a1, 4(a0) / lw a2, 8(a0) / lbu a3, 0(a1) / add a3, a3, a2 /
    # sb a3, 0(a1) / li a0, 1 / ret
    "rv32imc": "88 42 48 45 4c 41 10 45 83c60500 b296 2380d500 0545 8280",
}
ADDRESS = """
import micropython
@micropython.viper
def address(block: ptr32, buffer):
    block[1] = int(ptr8(buffer))
"""


@pytest.mark.parametrize("arch", FOREIGN)
def test_machine_code_of_ones_own_gets_an_array(arch):
    runtime = Runtime(CORES[arch])
    address = runtime.load(mpy.read(mpy.compile(ADDRESS, arch)), {})["address"]
    module = mpy.read(mpy.machine_code({"up": bytes.fromhex(FOREIGN[arch])}, arch))
    up = runtime.load(module, {}, foreign=True)["up"]
    block, buffer = array("I", [0, 0, 5]), bytearray(b"ab")
    address(block, buffer)
    assert up(block, buffer) == 0
    assert buffer == b"fb"
    assert runtime.machine.stack() == 0
    block[1] += 2
    with pytest.raises(GalagoError, match=r"up: .*offset 2 of bytearray of 2 bytes"):
        up(block, buffer)
