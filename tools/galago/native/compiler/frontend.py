# SPDX-License-Identifier: MIT
"""Translates a viper function to the intermediate representation, with viper's types and rules.

    function = translate(module, "idct_8", word=32)

The part of viper that it knows: parameters and locals of the types int, uint, ptr8, ptr16 and ptr32, objects
that are only cast to them; assignments, while, if, break, continue, return; arithmetic, comparisons, `and`,
`or`, `not` in conditions, conditional expressions; casts; names of ints and bytes of the module; calls of
other viper functions, which are inlined. Anything else is GalagoError native.source. Functions that only
the host has may also use items of `ptr`, which are words, and `call(address, …)` with up to four words.

The type of a local is that of its first assignment. Loads are zero-extended and give an int; comparisons and
right shifts depend on the type, // and % are those of Python. A loop is translated as `if` around a loop with
its test at the end, so that one branch is executed each time round, and there is a place before the loop that
is reached only if it runs.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from galago.native.compiler.direct import Direct
from galago.native.compiler.ir import Block, Function, Value
from galago.native.compiler.runtime import Runtime
from galago.native.compiler.source import Module, evaluate, unsupported
from galago.native.compiler.ssa import Builder

_SIZES = {"ptr8": 1, "ptr16": 2, "ptr32": 4, "ptr": 0}  # 0: a word
_TYPES = ("int", "uint", *_SIZES)
_OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
    ast.LShift: "shl", ast.RShift: "sar", ast.FloorDiv: "div", ast.Mod: "mod",
}  # fmt: skip
_RELATIONS = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}
_MOST_INLINED = 8  # calls in calls: more is recursion

Typed = tuple[Value, str]
Convention = Callable[[Builder], Runtime | Direct]
"""How the function is called."""


@dataclass
class _Scope:
    """One function, or an inlined call: its variables are those of no other scope."""

    number: int
    module: Module
    result: str
    """The annotated type of the result; "object" means None."""
    depth: int = 0
    types: dict[str, str] = field(default_factory=dict[str, str])
    leave: Block | None = None
    """Where `return` goes in an inlined call."""
    loops: list[tuple[Block, Block]] = field(default_factory=list[tuple[Block, Block]])
    """Where `continue` and `break` go."""


def translate(module: Module, name: str, word: int, convention: Convention = Runtime) -> Function:
    """The function in SSA form, by default called as MicroPython calls machine code in a .mpy.

    Raises GalagoError native.source for what the compiler does not know.
    """
    function = Function(name, word)
    home, node = module.functions[name]
    _Translator(function, convention).whole(home, node)
    function.remove_unreachable()
    return function


class _Translator:
    def __init__(self, function: Function, convention: Convention) -> None:
        self.build = Builder(function)
        self.runtime = convention(self.build)
        self._scopes = 0

    def whole(self, module: Module, node: ast.FunctionDef) -> None:
        """The function itself: unpacks its arguments, which are objects."""
        self.scope = self._new_scope(module, node)
        self.runtime.begin(len(node.args.args))
        for index, parameter in enumerate(node.args.args):
            kind = _annotation(parameter.annotation)
            value = self.runtime.argument(index)
            if kind != "object":
                value = self.runtime.from_object(value, kind)
            self._assign(parameter.arg, value, kind)
        self._statements(node.body)
        if self.build.reachable:
            self.build.leave(self.runtime.none())

    def _new_scope(self, module: Module, node: ast.FunctionDef, depth: int = 0) -> _Scope:
        self._scopes += 1
        return _Scope(self._scopes, module, _annotation(node.returns), depth)

    # Statements.

    def _statements(self, body: list[ast.stmt]) -> None:
        for node in body:
            handler = _STATEMENTS.get(type(node), _Translator._unknown)
            handler(self, node)

    def _unknown(self, node: ast.AST) -> None:
        raise unsupported(self.scope.module, node, type(node).__name__)

    def _pass(self, node: ast.Pass) -> None:
        pass

    def _expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self._value(node.value)

    def _store(self, target: ast.expr, value: Value, kind: str) -> None:
        if isinstance(target, ast.Name):
            self._assign(target.id, value, kind)
        elif isinstance(target, ast.Subscript):
            size, address = self._address(target)
            self.build.emit(f"store{8 * size}", value, address)
        else:
            self._unknown(target)

    def _assign(self, name: str, value: Value, kind: str) -> None:
        self.scope.types.setdefault(name, kind)
        self.build.write((self.scope.number, name), value)

    def _assignment(self, node: ast.Assign) -> None:
        value, kind = self._value(node.value)
        for target in node.targets:
            self._store(target, value, kind)

    def _augassign(self, node: ast.AugAssign) -> None:
        right = self._value(node.value)
        if isinstance(node.target, ast.Subscript):
            size, address = self._address(node.target)
            left = self.build.emit(f"load{8 * size}", address), "int"
            value, _ = self._operation(node, node.op, left, right)
            self.build.emit(f"store{8 * size}", value, address)
        elif isinstance(node.target, ast.Name):
            self._assign(node.target.id, *self._operation(node, node.op, self._value(node.target), right))
        else:
            self._unknown(node)

    def _if(self, node: ast.If) -> None:
        then, other, after = (self.build.new(name) for name in ("then", "else", "after"))
        self._condition(node.test, then, other if node.orelse else after)
        self.build.start(then)
        self._statements(node.body)
        self.build.jump(after)
        if node.orelse:
            self.build.start(other)
            self._statements(node.orelse)
            self.build.jump(after)
        self.build.start(after)

    def _while(self, node: ast.While) -> None:
        if node.orelse:
            raise unsupported(self.scope.module, node, "while … else")
        before, again, after = (self.build.new(name) for name in ("before", "again", "after"))
        body, test = self.build.new("loop", sealed=False), self.build.new("test")
        self._condition(node.test, before, after)
        self.build.start(before)
        self.build.jump(body)
        self.build.start(body)
        self.scope.loops.append((test, after))
        self._statements(node.body)
        self.scope.loops.pop()
        self.build.jump(test)
        self.build.start(test)
        self._condition(node.test, again, after)
        self.build.start(again)
        self.build.jump(body)
        self.build.seal(body)
        self.build.start(after)

    def _break(self, node: ast.Break) -> None:
        self.build.jump(self.scope.loops[-1][1])

    def _continue(self, node: ast.Continue) -> None:
        self.build.jump(self.scope.loops[-1][0])

    def _return(self, node: ast.Return) -> None:
        scope = self.scope
        value = self._value(node.value)[0] if node.value and scope.result != "object" else None
        if scope.leave:
            self.build.write((scope.number, "return"), value or self.build.constant(0))
            self.build.jump(scope.leave)
        elif value:
            self.build.leave(self.runtime.to_object(value, scope.result))
        else:
            self.build.leave(self.runtime.none())

    # Conditions.

    def _condition(self, node: ast.expr, then: Block, other: Block) -> None:
        """Goes to one of two blocks."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self._condition(node.operand, other, then)
        elif isinstance(node, ast.BoolOp):
            for part in node.values[:-1]:
                following = self.build.new("and" if isinstance(node.op, ast.And) else "or")
                ways = (following, other) if isinstance(node.op, ast.And) else (then, following)
                self._condition(part, *ways)
                self.build.start(following)
            self._condition(node.values[-1], then, other)
        elif isinstance(node, ast.Compare):
            self._compare(node, then, other)
        else:
            self.build.branch("ne", self._value(node)[0], self.build.constant(0), then, other)

    def _compare(self, node: ast.Compare, then: Block, other: Block) -> None:
        """A comparison; a chain as in 0 <= y < n has several."""
        left, kind = self._value(node.left)
        for number, (operator, operand) in enumerate(zip(node.ops, node.comparators, strict=True)):
            relation = _RELATIONS.get(type(operator))
            if not relation:
                raise unsupported(self.scope.module, node, type(operator).__name__)
            if kind == "uint" and relation not in ("eq", "ne"):
                relation += "u"
            right, kind = self._value(operand)
            last = number == len(node.ops) - 1
            following = then if last else self.build.new("and")
            self.build.branch(relation, left, right, following, other)
            if not last:
                self.build.start(following)
            left = right

    def _choose(self, test: ast.expr, then: ast.expr | None, other: ast.expr | None) -> Typed:
        """A value that depends on a condition: of two expressions, or 1 and 0."""
        blocks = [self.build.new("then"), self.build.new("else")]
        after = self.build.new("after")
        self._condition(test, *blocks)
        kind, name = "bool", (self.build.block, "chosen")
        for number, (block, node) in enumerate(zip(blocks, (then, other), strict=True)):
            self.build.start(block)
            value = self.build.constant(1 - number)
            if node:
                value, kind = self._value(node)
            self.build.write(name, value)
            self.build.jump(after)
        self.build.start(after)
        return self.build.read(name), kind

    # Expressions.

    def _value(self, node: ast.expr) -> Typed:
        """The value of an expression, and its type."""
        scope = self.scope
        if isinstance(node, ast.Name) and node.id in scope.types:
            return self.build.read((scope.number, node.id)), scope.types[node.id]
        constant = evaluate(node, scope.module.constants)
        if isinstance(constant, bytes):
            return self.build.emit("data", data=constant), "object"
        if constant is not None:
            return self.build.constant(int(constant)), "bool" if isinstance(constant, bool) else "int"
        if isinstance(node, ast.BinOp):
            return self._operation(node, node.op, self._value(node.left), self._value(node.right))
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            value, kind = self._value(node.operand)
            if isinstance(node.op, ast.USub):
                return self.build.emit("sub", self.build.constant(0), value), kind
            if isinstance(node.op, ast.Invert):
                return self.build.emit("xor", value, self.build.constant(-1)), kind
            return value, kind
        if isinstance(node, ast.Compare | ast.UnaryOp):
            return self._choose(node, None, None)
        if isinstance(node, ast.IfExp):
            return self._choose(node.test, node.body, node.orelse)
        if isinstance(node, ast.Subscript):
            size, address = self._address(node)
            return self.build.emit(f"load{8 * size}", address), "int"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node, node.func.id)
        raise unsupported(scope.module, node, type(node).__name__)

    def _operation(self, node: ast.AST, operator: ast.operator, left: Typed, right: Typed) -> Typed:
        op = _OPERATORS.get(type(operator))
        if not op or {left[1], right[1]} - {"int", "uint"}:
            raise unsupported(
                self.scope.module, node, f"{type(operator).__name__} of {left[1]} and {right[1]}"
            )
        if op == "sar" and left[1] == "uint":
            op = "shr"
        return self.build.emit(op, left[0], right[0]), left[1]

    def _address(self, node: ast.Subscript) -> tuple[int, Value]:
        """The size of an item of a pointer, and the item's address."""
        base, kind = self._value(node.value)
        index, _ = self._value(node.slice)
        if kind not in _SIZES:
            raise unsupported(self.scope.module, node, f"an item of {kind}")
        size = _SIZES[kind] or self.build.function.word // 8
        if size > 1:
            index = self.build.emit("shl", index, self.build.constant(size.bit_length() - 1))
        return size, self.build.emit("add", base, index)

    def _call(self, node: ast.Call, name: str) -> Typed:
        if name in _TYPES and len(node.args) == 1:
            value, kind = self._value(node.args[0])
            if kind == "object" and value.op != "data":
                value = self.runtime.from_object(value, name)
            return value, name
        if name == "call" and node.args:
            return self.build.emit("call", *(self._value(argument)[0] for argument in node.args)), "int"
        if name not in self.scope.module.functions:
            raise unsupported(self.scope.module, node, f"a call of {name}")
        return self._inline(node, name)

    def _inline(self, node: ast.Call, name: str) -> Typed:
        """The body of another viper function in place of its call."""
        caller = self.scope
        home, callee = caller.module.functions[name]
        if caller.depth == _MOST_INLINED:
            raise unsupported(caller.module, node, f"calls of {name} in one another")
        arguments = [self._value(argument) for argument in node.args]
        self.scope = self._new_scope(home, callee, caller.depth + 1)
        self.scope.leave = after = self.build.new("after")
        for parameter, (value, kind) in zip(callee.args.args, arguments, strict=True):
            wanted = _annotation(parameter.annotation)
            if kind == "object" and wanted != "object" and value.op != "data":
                value = self.runtime.from_object(value, wanted)
            self._assign(parameter.arg, value, wanted)
        self._statements(callee.body)
        if self.build.reachable:
            self.build.write((self.scope.number, "return"), self.build.constant(0))
            self.build.jump(after)
        self.build.start(after)
        result = self.build.read((self.scope.number, "return")), self.scope.result
        self.scope = caller
        return result


_STATEMENTS = {
    ast.Pass: _Translator._pass, ast.Expr: _Translator._expr, ast.Assign: _Translator._assignment,
    ast.AugAssign: _Translator._augassign, ast.If: _Translator._if, ast.While: _Translator._while,
    ast.Break: _Translator._break, ast.Continue: _Translator._continue, ast.Return: _Translator._return,
}  # fmt: skip


def _annotation(node: ast.expr | None) -> str:
    return ast.unparse(node) if node and ast.unparse(node) in (*_TYPES, "bool") else "object"
