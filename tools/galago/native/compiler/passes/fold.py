# SPDX-License-Identifier: MIT
"""Computes constants, and replaces values by equal ones that are cheaper.

Constants move to the right and outwards, (x + 1) * 4 becomes x * 4 + 4, so that they meet other constants and
end as the offset of a load or store. A multiplication by a power of two is a shift, and viper's way to extend
a sign, (x ^ 0x8000) - 0x8000, is one instruction. Branches on constants disappear.
"""

from galago.native.compiler import ir
from galago.native.compiler.ir import Block, Function, Value
from galago.native.compiler.passes.width import width

_EXTENDED = {"load8": "load8s", "load16": "load16s"}
_MOST_OFFSET = 4095
"""The largest that a load or store holds."""


def run(function: Function) -> None:
    """Repeats until nothing changes."""
    changed = True
    while changed:
        changed = False
        uses = function.uses()
        for block in function.blocks:
            changed |= _Folder(function, block, uses).run()
        ir.replace_arguments(function)
        function.remove_unreachable()


class _Folder:
    """Works on one block: `_made` is its new list of values."""

    def __init__(self, function: Function, block: Block, uses: dict[Value, int]) -> None:
        self._function, self._block, self._uses = function, block, uses
        self._made: list[Value] = []

    def run(self) -> bool:
        changed = False
        for value in self._block.values:
            value.args = [ir.resolve(argument) for argument in value.args]
            better = self._phi(value) if value.op == "phi" else self._better(value)
            if better is not None and better is not value:
                value.same = better
                changed = True
            else:
                self._made.append(value)
                changed |= better is value
        self._block.values = self._made
        return self._branch() or changed

    def _phi(self, value: Value) -> Value | None:
        others = {argument for argument in value.args if argument is not value}
        return others.pop() if len(others) == 1 else None

    def _branch(self) -> bool:
        """Makes a branch on constants a jump."""
        end = self._block.end
        if end.op != "branch":
            return False
        left, right = end.args
        then, other = end.targets
        if then is other and not any(then.phis()):
            holds = True
        elif left.op == "const" and right.op == "const":
            holds = _holds(end.relation, left.number, right.number, self._function.word)
        elif left.op == "const":
            end.args, end.relation = [right, left], ir.SWAPPED[end.relation]
            return True
        else:
            return self._upper_bits(end)
        kept, dropped = (then, other) if holds else (other, then)
        ir.disconnect(self._block, dropped)
        self._block.values[-1] = Value("jump", targets=[kept])
        return True

    def _upper_bits(self, end: Value) -> bool:
        """x >> k != 0 is x > 2^k - 1, without sign: the test of what is to be clamped."""
        shifted, zero = end.args
        if end.relation not in ("eq", "ne") or zero.op != "const" or zero.number:
            return False
        if shifted.op not in ("sar", "shr") or not _constant_right(shifted):
            return False
        bits = shifted.args[1].number
        if not 0 < bits < self._function.word - 1:
            return False
        end.args = [shifted.args[0], self._constant((1 << bits) - 1)]
        end.relation = "leu" if end.relation == "eq" else "gtu"
        return True

    def _new(self, op: str, *args: Value) -> Value:
        """A value before the one at hand, simplified itself."""
        value = Value(op, list(args))
        better = self._better(value)
        if better is None or better is value:
            self._made.append(value)
            return value
        return better

    def _constant(self, number: int) -> Value:
        return self._function.constant(number)

    def _better(self, value: Value) -> Value | None:
        """An equal value; the same one if it was changed; None if there is none."""
        if value.op in ir.STORES:
            return self._store(value)
        if value.op not in ir.PURE or value.op == "data":
            return None
        args = value.args
        if all(argument.op == "const" for argument in args):
            number = compute(value.op, [argument.number for argument in args], self._function.word)
            return None if number is None else self._constant(number)
        if value.op in ir.COMMUTATIVE and args[0].op == "const":
            args.reverse()
        if value.op in ("sext8", "sext16"):
            return self._extension(value)
        if args[1].op == "const":
            return self._with_constant(value, args[0], args[1].number)
        if value.op in ("add", "sub"):
            return self._sum(value)
        if args[0] is args[1] and value.op in ("and", "or", "xor"):
            return self._constant(0) if value.op == "xor" else args[0]
        return None

    def _sum(self, value: Value) -> Value | None:
        """Moves the constants of a sum outwards."""
        left, right = value.args
        if left is right and value.op == "sub":
            return self._constant(0)
        for index, part in enumerate((left, right)):
            if part.op == "add" and part.args[1].op == "const" and self._moves(part):
                number = part.args[1].number
                if value.op == "sub" and index:
                    number = -number
                rest = [part.args[0], right] if not index else [left, part.args[0]]
                return self._new("add", self._new(value.op, *rest), self._constant(number))
        return None

    def _moves(self, total: Value) -> bool:
        """Whether the constant of a sum moves outwards: one too large for an offset is added only once."""
        return abs(total.args[1].number) <= _MOST_OFFSET or self._uses.get(total, 1) == 1

    def _with_constant(self, value: Value, left: Value, number: int) -> Value | None:
        word = self._function.word
        inner = left.args[1].number if left.op in ir.PURE and _constant_right(left) else None
        match value.op:
            case "sub":
                return self._new("add", left, self._constant(-number))
            case "add" | "or" | "xor" | "shl" | "sar" | "shr" if not number:
                return left
            case "add" if inner is not None and left.op == "add":
                return self._new("add", left.args[0], self._constant(inner + number))
            case "add" if (
                inner in (0x80, 0x8000)
                and left.op == "xor"
                and width(left.args[0], word) <= (8 if inner == 0x80 else 16)
            ):
                extended = self._new("sext8" if inner == 0x80 else "sext16", left.args[0])
                return self._new("add", extended, self._constant(number + inner))
            case "mul":
                return self._product(left, number, inner)
            case "shl" if 0 < number < word and inner is not None:
                if left.op == "add":
                    moved = self._new("shl", left.args[0], self._constant(number))
                    return self._new("add", moved, self._constant(inner << number))
                if left.op == "shl" and inner >= 0 and inner + number < word:
                    return self._new("shl", left.args[0], self._constant(inner + number))
            case "sar" if 0 < number < word and width(left, word) < word:
                return self._new("shr", left, self._constant(number))
            case "shr" if 0 < number < word and width(left, word) <= number:
                return self._constant(0)
            case "and":
                return self._mask(left, number, inner)
            case "or" | "xor" if inner is not None and left.op == value.op:
                joined = compute(value.op, [inner, number], word)
                assert joined is not None
                return self._new(value.op, left.args[0], self._constant(joined))
            case "div" if number > 0 and not number & number - 1:
                return self._new("sar", left, self._constant(number.bit_length() - 1))
            case "mod" if number > 0 and not number & number - 1:
                return self._new("and", left, self._constant(number - 1))
            case _:
                pass
        return None

    def _product(self, left: Value, number: int, inner: int | None) -> Value | None:
        if number == 0:
            return self._constant(0)
        if number == 1:
            return left
        if number > 0 and not number & number - 1:
            return self._new("shl", left, self._constant(number.bit_length() - 1))
        if number == -1:
            return self._new("sub", self._constant(0), left)
        if left.op == "add" and inner is not None:
            return self._new(
                "add", self._new("mul", left.args[0], self._constant(number)), self._constant(inner * number)
            )
        return None

    def _mask(self, left: Value, number: int, inner: int | None) -> Value | None:
        word = self._function.word
        bits = width(left, word)
        if number == -1 or (bits < word and (number + 1) % (1 << bits) == 0):
            return left
        if inner is None or number < 0:
            return self._constant(0) if number == 0 else None
        if left.op == "and":
            return self._new("and", left.args[0], self._constant(inner & number))
        if left.op == "sar" and inner > 0 and number.bit_length() + inner <= word:
            return self._new("and", self._new("shr", left.args[0], left.args[1]), self._constant(number))
        return None

    def _extension(self, value: Value) -> Value | None:
        """A sign extension right after a load is part of the load."""
        size = 8 if value.op == "sext8" else 16
        source = value.args[0]
        if source.op == "and" and _constant_right(source) and source.args[1].number == (1 << size) - 1:
            return self._new(value.op, source.args[0])
        if width(source, self._function.word) < size:
            return source
        return None

    def _store(self, value: Value) -> Value | None:
        """The upper bits of what a store takes do not matter."""
        bits = 8 * ir.STORES[value.op]
        source = value.args[0]
        mask = (1 << bits) - 1
        if source.op == "and" and _constant_right(source) and source.args[1].number & mask == mask:
            value.args[0] = source.args[0]
            return value
        if source.op in ("sext8", "sext16") and int(source.op[4:]) >= bits:
            value.args[0] = source.args[0]
            return value
        return None


def extend_loads(function: Function) -> None:
    """Makes a load whose only use is a sign extension a load with sign."""
    uses = function.uses()
    for value in function.values():
        if value.op in ("sext8", "sext16"):
            load = value.args[0]
            if load.op == f"load{value.op[4:]}" and uses[load] == 1:
                load.op = _EXTENDED[load.op]
                value.same = load
    ir.replace_arguments(function)


def compute(op: str, numbers: list[int], word: int) -> int | None:
    """The result of a pure operation on constants; None where the target decides, as for a shift too far."""
    first, second = (*numbers, 0)[:2]
    match op:
        case "add":
            return first + second
        case "sub":
            return first - second
        case "mul":
            return first * second
        case "and":
            return first & second
        case "or":
            return first | second
        case "xor":
            return first ^ second
        case "shl" if 0 <= second < word:
            return first << second
        case "sar" if 0 <= second < word:
            return first >> second
        case "shr" if 0 <= second < word:
            return (first & (1 << word) - 1) >> second
        case "div" if second:
            return first // second
        case "mod" if second:
            return first % second
        case "sext8":
            return (first & 0xFF ^ 0x80) - 0x80
        case "sext16":
            return (first & 0xFFFF ^ 0x8000) - 0x8000
        case _:
            return None


def _holds(relation: str, left: int, right: int, word: int) -> bool:
    if relation.endswith("u"):
        left, right, relation = left % (1 << word), right % (1 << word), relation[:-1]
    return {
        "eq": left == right, "ne": left != right, "lt": left < right, "le": left <= right,
        "gt": left > right, "ge": left >= right,
    }[relation]  # fmt: skip


def _constant_right(value: Value) -> bool:
    return len(value.args) == 2 and value.args[1].op == "const"
