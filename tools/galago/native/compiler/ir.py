# SPDX-License-Identifier: MIT
"""The intermediate representation: a function as a graph of basic blocks, in SSA form.

    %7 = add %3 %5
    %8 = load16 %7 +2
    branch lt %8 40 -> body, after

A Value is an instruction and its result. All values are machine words, which wrap around. Constants have no
place in a block. The pure operations, which only depend on their operands:

    add sub mul and or xor      of two words
    shl sar shr                 shifts; sar fills with the sign, shr with zeros
    div mod                     as Python's // and %, of signed numbers: divisions.py replaces them
    sdiv                        the quotient of signed numbers, rounded towards 0
    sext8 sext16                extends the sign of the lowest bits
    data                        the address of constant bytes, which follow the code

and the rest:

    phi                         one operand for each predecessor of the block, in their order
    entry                       register `number` of a call of the function: self, n_args, n_kw, args
    load8 load16 load32 load64 load8s load16s     from address + offset, or base + (index << scale) + offset
    store8 store16 store32 store64                the value first, then the address like a load's
    call                        of an address with up to four words; gives a word
    jump branch return          the end of a block; a branch compares two words
    test                        a branch that compares the common bits of two words with 0
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

PURE = frozenset(
    [
        "add",
        "sub",
        "mul",
        "and",
        "or",
        "xor",
        "shl",
        "sar",
        "shr",
        "div",
        "mod",
        "sdiv",
        "sext8",
        "sext16",
        "data",
    ]
)
COMMUTATIVE = frozenset(("add", "mul", "and", "or", "xor"))
LOADS = {"load8": 1, "load16": 2, "load32": 4, "load64": 8, "load8s": 1, "load16s": 2}
STORES = {"store8": 1, "store16": 2, "store32": 4, "store64": 8}
EFFECTS = frozenset((*STORES, "call", "jump", "branch", "test", "return"))
"""Operations that are needed even if nothing uses their result."""

INVERSE = {
    "eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt",
    "ltu": "geu", "geu": "ltu", "gtu": "leu", "leu": "gtu",
}  # fmt: skip
"""Relations of a branch; those of unsigned numbers end in u."""
SWAPPED = {
    "eq": "eq", "ne": "ne", "lt": "gt", "gt": "lt", "le": "ge", "ge": "le",
    "ltu": "gtu", "gtu": "ltu", "leu": "geu", "geu": "leu",
}  # fmt: skip
"""The relation that holds when the operands change places."""


@dataclass(eq=False, slots=True, repr=False)
class Value:
    """An instruction and its result."""

    op: str
    args: "list[Value]" = field(default_factory=list["Value"])
    number: int = 0
    """The value of a constant, the offset of a load or store, the register of an entry."""
    scale: int = 0
    """How far the index of an address, or the last operand of a fused operation, is shifted."""
    relation: str = ""
    """Of a branch; for the last operand of a fused operation, how it is shifted."""
    data: bytes = b""
    targets: "list[Block]" = field(default_factory=list["Block"])
    """Where a jump or branch goes: if its relation holds, then else."""
    same: "Value | None" = None
    """The value that replaces this one."""


@dataclass(eq=False, slots=True, repr=False)
class Block:
    """A basic block: phis, other values, and as the last of `values` a jump, branch or return."""

    name: str
    values: list[Value] = field(default_factory=list[Value])
    predecessors: "list[Block]" = field(default_factory=list["Block"])

    @property
    def end(self) -> Value:
        """The last value."""
        return self.values[-1]

    @property
    def successors(self) -> "list[Block]":
        """The blocks that may follow."""
        return self.end.targets

    def phis(self) -> Iterator[Value]:
        """The phis, which come first."""
        return (value for value in self.values if value.op == "phi")


class Function:
    """A function; `blocks` are in the order of the code, the entry first. `word` is its words' bits."""

    def __init__(self, name: str, word: int) -> None:
        self.name = name
        self.word = word
        self.blocks: list[Block] = []
        self.table = Value("undefined")
        """The address of mp_fun_table."""
        self._constants: dict[int, Value] = {}

    def constant(self, number: int) -> Value:
        """The constant, wrapped to a word."""
        number = self.wrap(number)
        if number not in self._constants:
            self._constants[number] = Value("const", number=number)
        return self._constants[number]

    def wrap(self, number: int) -> int:
        """A number as a signed word."""
        half = 1 << self.word - 1
        return (number + half) % (2 * half) - half

    def values(self) -> Iterator[Value]:
        """All values, block by block."""
        for block in self.blocks:
            yield from block.values

    def uses(self) -> Counter[Value]:
        """How many arguments each value is."""
        return Counter(argument for value in self.values() for argument in value.args)

    def remove_unreachable(self) -> None:
        """Removes the blocks that nothing leads to, and what phis took from them."""
        reached: set[Block] = set()
        todo = [self.blocks[0]]
        while todo:
            block = todo.pop()
            if block not in reached:
                reached.add(block)
                todo += block.successors
        for block in reached:
            kept = [i for i, before in enumerate(block.predecessors) if before in reached]
            for phi in block.phis():
                phi.args = [phi.args[i] for i in kept]
            block.predecessors = [block.predecessors[i] for i in kept]
        self.blocks = [block for block in self.blocks if block in reached]

    def __str__(self) -> str:
        return _listing(self)


def resolve(value: Value) -> Value:
    """The value that stands for this one, after replacements."""
    while value.same:
        value = value.same
    return value


def replace_arguments(function: Function) -> None:
    """Makes each operand the value that stands for it, and drops values that were replaced."""
    for block in function.blocks:
        for value in block.values:
            value.args = [resolve(argument) for argument in value.args]
        block.values = [value for value in block.values if not value.same]


def disconnect(block: Block, successor: Block) -> None:
    """Removes one edge, with what the phis took from it."""
    index = successor.predecessors.index(block)
    del successor.predecessors[index]
    for phi in successor.phis():
        del phi.args[index]


def _listing(function: Function) -> str:
    names: dict[Value, str] = {}
    for value in function.values():
        names[value] = f"%{len(names)}"

    def operand(value: Value) -> str:
        return str(value.number) if value.op == "const" else names.get(value, "?")

    lines = [f"{function.name}:"]
    for block in function.blocks:
        lines.append(f"  {block.name}:")
        for value in block.values:
            parts = [value.op, value.relation, *map(operand, value.args)]
            if value.scale:
                parts[-1] += f"<<{value.scale}"
            if value.number:
                parts.append(f"{value.number:+}")
            if value.targets:
                parts.append("-> " + ", ".join(target.name for target in value.targets))
            result = "" if value.op in EFFECTS - {"call"} else f"{names[value]} = "
            lines.append("    " + result + " ".join(part for part in parts if part))
    return "\n".join(lines)
