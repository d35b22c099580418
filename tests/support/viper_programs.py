# SPDX-License-Identifier: MIT
"""Random viper functions, for whatever compiles or runs viper.

    source = program(random.Random(7), functions=10)     # the text of a module with f0 … f9

Each takes a ptr8, ptr16 and ptr32, each to 64 items, and three ints, and returns an int. Its loops end, its
indexes are in bounds, it divides by numbers that are not 0, and it shifts by less than 32 bits: beyond that,
processors differ. Everything else may overflow.
"""

import re
from random import Random

ITEMS = 64
_NUMBERS = (
    0,
    1,
    2,
    3,
    5,
    7,
    8,
    16,
    127,
    128,
    255,
    256,
    1000,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    123456789,
    0x1FFFFFFF,
)
_VARYING = re.compile(r"\b[a-e]\b|\[|helper")
_COMPARISONS = ("<", "<=", "==", "!=", ">", ">=")
_HEAD = """import micropython
from micropython import const
_FACTOR = const(37)
_TABLE = b"\\x01\\x80\\xff\\x10viper"
@micropython.viper
def helper(x: int, y: int) -> int:
    if x < y:
        return x * 3 - y
    while y > 3:
        y >>= 1
    return (x ^ y) + 1
"""


def program(random: Random, functions: int) -> str:
    """A module's source."""
    return _HEAD + "".join(_Function(random, f"f{number}").text() for number in range(functions))


class _Function:
    def __init__(self, random: Random, name: str) -> None:
        self._random, self._name = random, name
        self._lines: list[str] = []
        self._counters = 0
        self._variables = ["a", "b", "c", "d", "e"]

    def text(self) -> str:
        parameters = "p: ptr8, q: ptr16, r: ptr32, a: int, b: int, c: int"
        self._lines = ["@micropython.viper", f"def {self._name}({parameters}) -> int:"]
        self._lines += ["    t = ptr8(_TABLE)", "    d = a", "    e = 1"]
        self._block(1, self._random.randint(3, 8), in_loop=False)
        self._lines.append(f"    return {self._expression(3)}")
        return "\n".join(self._lines) + "\n"

    def _block(self, depth: int, statements: int, in_loop: bool) -> None:
        for _ in range(statements):
            self._statement(depth, in_loop)

    def _add(self, depth: int, line: str) -> None:
        self._lines.append("    " * depth + line)

    def _statement(self, depth: int, in_loop: bool) -> None:
        kind = self._random.choice(("set", "set", "change", "store", "if", "while", "leave", "condition"))
        if (depth > 3 and kind in ("if", "while")) or (kind == "leave" and not in_loop):
            kind = "set"
        variable = self._random.choice(self._variables)
        if kind == "set":
            self._add(depth, f"{variable} = {self._expression(3)}")
        elif kind == "change":
            operator = self._random.choice(("+", "-", "*", "&", "|", "^"))
            self._add(depth, f"{variable} {operator}= {self._expression(2)}")
        elif kind == "condition":
            self._add(
                depth,
                f"{variable} = {self._expression(1)} if {self._condition(2)} else {self._expression(1)}",
            )
        elif kind == "store":
            operator = self._random.choice(("=", "=", "+=", "^="))
            self._add(depth, f"{self._item()} {operator} {self._expression(3)}")
        elif kind == "if":
            self._if(depth, in_loop)
        elif kind == "while":
            self._while(depth)
        else:
            self._add(depth, f"if {self._condition(2)}:")
            self._add(depth + 1, self._random.choice(("break", "continue", f"return {self._expression(1)}")))

    def _if(self, depth: int, in_loop: bool) -> None:
        self._add(depth, f"if {self._condition(2)}:")
        self._block(depth + 1, self._random.randint(1, 3), in_loop)
        if self._random.random() < 0.3:
            self._add(depth, f"elif {self._condition(1)}:")
            self._block(depth + 1, 1, in_loop)
            self._add(depth + 1, "a += 1")
        if self._random.random() < 0.5:
            self._add(depth, "else:")
            self._block(depth + 1, self._random.randint(1, 2), in_loop)
            self._add(depth + 1, "b -= 1")

    def _while(self, depth: int) -> None:
        counter = f"i{self._counters}"
        self._counters += 1
        self._add(depth, f"{counter} = {self._random.randint(0, 6)}")
        more = f" and {self._condition(1)}" if self._random.random() < 0.3 else ""
        self._add(depth, f"while {counter}{more}:")
        self._add(depth + 1, f"{counter} -= 1")
        self._block(depth + 1, self._random.randint(1, 4), in_loop=True)

    def _condition(self, depth: int) -> str:
        kind = self._random.randint(0, 6)
        if depth and kind == 0:
            return f"({self._condition(depth - 1)} and {self._condition(depth - 1)})"
        if depth and kind == 1:
            return f"({self._condition(depth - 1)} or {self._condition(depth - 1)})"
        if depth and kind == 2:
            return f"not {self._condition(depth - 1)}"
        comparison = self._random.choice(_COMPARISONS)
        if kind == 3:
            return f"uint({self._expression(1)}) {comparison} uint({self._expression(1)})"
        if kind == 4:
            return f"0 <= {self._expression(1)} {comparison} {self._expression(1)}"
        if kind == 5:
            return self._expression(1)
        return f"{self._expression(1)} {comparison} {self._expression(1)}"

    def _item(self) -> str:
        return f"{self._random.choice('pqr')}[{self._index()}]"

    def _index(self) -> str:
        if self._random.random() < 0.3:
            return str(self._random.randrange(ITEMS))
        return f"({self._expression(1)} & {ITEMS // 2 - 1}) + {self._random.randrange(ITEMS // 2)}"

    def _expression(self, depth: int) -> str:
        random = self._random
        if not depth or random.random() < 0.2:
            return self._leaf()
        kind = random.randint(0, 11)
        left, right = self._expression(depth - 1), self._expression(depth - 1)
        if not _VARYING.search(left):  # MicroPython folds constants to ints of any size, which viper refuses
            left = random.choice(self._variables)
        if kind <= 4:
            return f"({left} {random.choice(('+', '-', '*', '&', '|', '^'))} {right})"
        if kind == 5:
            count = random.randrange(32) if random.random() < 0.7 else f"({right} & 15)"
            return f"({left} {random.choice(('<<', '>>'))} {count})"
        if kind == 6:
            # The runtime's division overflows near the ends of the range.
            divisor = random.choice((str(random.choice((1, 2, 3, 8, 10, -1, -7))), f"(({right} & 255) + 1)"))
            return (
                f"((({left} & 0xFFFFF) - {random.choice((0, 5000))}) {random.choice(('//', '%'))} {divisor})"
            )
        if kind == 7:
            return f"int(uint({left}) >> {random.randrange(32)})"
        if kind == 8:
            return f"int({left} {random.choice(_COMPARISONS)} {right})"
        if kind == 9:
            bits = random.choice((8, 16))
            return f"((({left} & {(1 << bits) - 1}) ^ {1 << bits - 1}) - {1 << bits - 1})"
        if kind == 10:
            return f"int(helper({left}, {right} & 0xFFFF))"
        return f"({random.choice('-~')}{left})"

    def _leaf(self) -> str:
        kind = self._random.randint(0, 9)
        if kind < 5:
            return self._random.choice(self._variables)
        if kind < 8:
            return str(self._random.choice(_NUMBERS) * self._random.choice((1, 1, 1, -1)))
        if kind == 8:
            return self._random.choice(("_FACTOR", f"t[{self._random.randrange(9)}]"))
        return self._item_leaf()

    def _item_leaf(self) -> str:
        name = self._random.choice(self._variables)
        return f"{self._random.choice('pqr')}[{name} & {ITEMS - 1}]"
