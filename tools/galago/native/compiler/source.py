# SPDX-License-Identifier: MIT
"""Finds the viper functions of a module of the device package, and the constants that they use.

    module = source.read(firmware_dir() / "mobilenet/image/jpeg/idct.py")
    module.functions["idct_8"]          # an ast.FunctionDef
    module.constants["_LIMITS"]         # an int or bytes

Names that a module imports from another one of the package are found there.
"""

import ast
import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from galago.errors import GalagoError

Constant = int | bytes

_OPERATORS: dict[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.LShift: operator.lshift,
    ast.RShift: operator.rshift, ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip


@dataclass(eq=False)
class Module:
    """What a kernel may name: viper functions and constants, its own and those that it imports."""

    path: Path
    functions: "dict[str, tuple[Module, ast.FunctionDef]]" = field(default_factory=dict)  # type: ignore[type-arg]
    """Name → the module that defines it, and its definition."""
    constants: dict[str, Constant] = field(default_factory=dict[str, Constant])


@functools.cache
def read(path: Path) -> Module:
    """Reads a module of the device package, and those that it imports names from."""
    return parse(path.read_text(encoding="utf-8"), path)


def parse(text: str, path: Path) -> Module:
    """Reads a module's text; `path` is where its relative imports start."""
    module = Module(path)
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            if any(ast.unparse(decorator) == "micropython.viper" for decorator in node.decorator_list):
                module.functions[node.name] = module, node
        elif isinstance(node, ast.ImportFrom) and node.level:
            _import(module, node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = evaluate(node.value, module.constants)
            if value is not None:
                module.constants[node.targets[0].id] = value
    return module


def _import(module: Module, node: ast.ImportFrom) -> None:
    folder = module.path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
    found = folder.with_suffix(".py")
    if not found.is_file():
        return
    other = read(found)
    for alias in node.names:
        name = alias.asname or alias.name
        if alias.name in other.functions:
            module.functions[name] = other.functions[alias.name]
        if alias.name in other.constants:
            module.constants[name] = other.constants[alias.name]


def evaluate(node: ast.expr, constants: dict[str, Constant]) -> Constant | None:
    """The value of an expression of constants, as an int or bytes; None if it is anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, bytes | int) else None
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "const" and len(node.args) == 1:
        return evaluate(node.args[0], constants)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "array" and len(node.args) == 2:
        return _array(*node.args)
    if isinstance(node, ast.UnaryOp):
        number = evaluate(node.operand, constants)
        if isinstance(number, int) and isinstance(node.op, ast.USub):
            return -number
    if isinstance(node, ast.BinOp):
        left, right = (evaluate(side, constants) for side in (node.left, node.right))
        action = _OPERATORS.get(type(node.op))
        if action and isinstance(left, int) and isinstance(right, int):
            return action(left, right)
    return None


def _array(code: ast.expr, items: ast.expr) -> bytes | None:
    """The bytes of an array("I") of numbers."""
    if ast.unparse(code) != "'I'" or not isinstance(items, ast.List):
        return None
    return b"".join(number.to_bytes(4, "little") for number in ast.literal_eval(items))


def unsupported(module: Module, node: ast.AST, what: str) -> GalagoError:
    """The error for a construct that the compiler does not know: the function then stays viper."""
    line = getattr(node, "lineno", 0)
    return GalagoError(
        "native.source",
        f"{module.path.name}:{line}: expected the part of viper that docs/compiler.md lists, got {what}: "
        "rewrite it or leave the function to viper",
    )
