# SPDX-License-Identifier: MIT
"""The device package for firmwares on the K210: an old MicroPython on a file system that has no folders.

    package()           # path on the board → source
    flattened(source, "mobilenet.backends")

MaixPy imports modules from the top of /flash alone, knows neither `.mpy` files of today nor machine code, and
no module-level __getattr__. So each module that the KPU needs becomes a file of its own, `mobilenet.backends.
maixpy` is mobilenet_backends_maixpy.py, and imports say so. The built-in engine and the decoders of pictures,
which are machine code in large part, stay away: the firmware has its own.
"""

import ast
import re
from pathlib import Path

from galago.resources import firmware_dir

_PARTS = ("backends", "camera", "outputs")  # packages inside, of which some modules go
_ELSEWHERE = {"builtin", "openmv", "microlite", "emlearn", "canmv_k230", "esp32", "frame"}
_HOMES = {"Classifier": "mobilenet.classifier", "GalagoError": "mobilenet.errors"}
_TOP = "from mobilenet import Classifier, GalagoError, report\n"


def package() -> dict[str, bytes]:
    """All files but main.py."""
    firmware = firmware_dir()
    files = {f"/{_flat(name)}.py": flattened(path.read_text(), name) for name, path in modules().items()}
    files["/mobilenet.py"] = flattened(_TOP, "")
    files["/galago_switch.py"] = (firmware / "galago_switch.py").read_text()
    return {path: text.encode() for path, text in files.items()}


def modules() -> dict[str, Path]:
    """The modules that go, by their dotted names; packages by their own."""
    folder = firmware_dir() / "mobilenet"
    found = {f"mobilenet.{path.stem}": path for path in folder.glob("*.py") if path.stem != "__init__"}
    for part in _PARTS:
        for path in (folder / part).glob("*.py"):
            if path.stem not in _ELSEWHERE:
                tail = "" if path.stem == "__init__" else f".{path.stem}"
                found[f"mobilenet.{part}{tail}"] = path
    return dict(sorted(found.items()))


def flattened(source: str, name: str) -> str:
    """A module's source with its imports from the package rewritten; `name` is its own, "" of a program."""
    package = name if name in {f"mobilenet.{part}" for part in _PARTS} else name.rpartition(".")[0]
    lines = source.splitlines()
    for node in reversed([node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]):
        target = _target(node, package)
        if target.split(".")[0] == "mobilenet":
            indent = lines[node.lineno - 1][: node.col_offset]
            statements = [f"{indent}{_statement(target, alias)}" for alias in node.names]
            lines[node.lineno - 1 : node.end_lineno] = statements
    text = "\n".join(lines) + "\n"
    return re.sub(r'"mobilenet\.([a-z0-9_.]*)"', lambda match: f'"{_flat("mobilenet." + match[1])}"', text)


def _target(node: ast.ImportFrom, package: str) -> str:
    """The dotted name that an import is from."""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*base, *([node.module] if node.module else [])])


def _statement(target: str, alias: ast.alias) -> str:
    full, known = f"{target}.{alias.name}", alias.asname or alias.name
    if target == "mobilenet" and alias.name in _HOMES:
        target, full = _HOMES[alias.name], ""
    if full in modules():
        return f"import {_flat(full)} as {known}"
    renamed = "" if known == alias.name else f" as {known}"
    return f"from {_flat(target)} import {alias.name}{renamed}"


def _flat(name: str) -> str:
    return name.replace(".", "_")
