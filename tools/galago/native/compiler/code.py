# SPDX-License-Identifier: MIT
"""The code of a function between SSA form and machine code: blocks of operations on variables.

Phis have become copies, so that a variable may be assigned in several places. Besides the operations of ir.py
there are

    copy const          of a variable, a number
    entry               takes the register `fixed` of the call into a variable
    pass                puts an operand into the register `fixed`, for a call or as the function's result
    call, result        a call of an address; takes the register of the result into a variable
    reload spill        a variable from and to the stack: `number` is the slot
    branch return       `label` is where a branch whose relation holds goes
    jump                of layout.py; `number` of a jump or branch grows until its form reaches the label
"""

from dataclasses import dataclass, field

Range = tuple[int, int]


@dataclass(eq=False, slots=True)
class Variable:
    """What a register, or a slot of the stack, will hold."""

    name: str
    ranges: list[Range] = field(default_factory=list[Range])
    """Where it is live, as half-open ranges of positions."""
    weight: float = 0.0
    """What it would cost to keep it on the stack."""
    register: int = -1
    temporary: bool = False
    """It holds what is on the stack for one operation, so it must have a register."""
    of_loop: bool = False
    """It holds what is on the stack for an inner loop."""


Operand = Variable | int


@dataclass(eq=False, slots=True)
class Operation:
    """One operation; an operand that is an int is part of the instruction."""

    name: str
    result: Variable | None = None
    operands: list[Operand] = field(default_factory=list[Operand])
    number: int = 0
    scale: int = 0
    relation: str = ""
    label: str = ""
    fixed: int = -1
    data: bytes = b""

    @property
    def uses(self) -> list[Variable]:
        """The variables among the operands."""
        return [operand for operand in self.operands if isinstance(operand, Variable)]


@dataclass(eq=False, slots=True)
class Section:
    """A basic block."""

    name: str
    depth: int
    often: float = 1.0
    """How often it is executed, as an estimate."""
    operations: list[Operation] = field(default_factory=list[Operation])
    successors: list[str] = field(default_factory=list[str])
    """Where it may go, last where the end of the operations leads."""


@dataclass(eq=False)
class Code:
    """A function; `slots` is how many words of the stack it uses."""

    name: str
    sections: list[Section]
    slots: int = 0
