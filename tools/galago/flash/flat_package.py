# SPDX-License-Identifier: MIT
"""The device package for firmwares on the K210: an old MicroPython on a file system without folders.

    package()           # path on the board → source
    flattened(source, "mobilenet.backends")

MaixPy imports modules only from the top of /flash, and supports neither current `.mpy` files nor machine code
nor module-level __getattr__. So each module that the KPU needs becomes one file with rewritten imports:
`mobilenet.backends.maixpy` becomes mobilenet_backends_maixpy.py. The built-in engine and the picture
decoders, which are largely machine code, are left out: the firmware has its own.
"""

import ast
import re
from pathlib import Path

from galago.resources import firmware_dir

_SUBPACKAGES = ("backends", "camera", "outputs")  # some of their modules are included
_EXCLUDED = {"builtin", "openmv", "microlite", "emlearn", "canmv_k230"}
_EXCLUDED |= {"esp32", "lemariva", "driver", "frame"}
_DEFINED_IN = {"Classifier": "mobilenet.classifier", "GalagoError": "mobilenet.errors"}
_TOP = "from mobilenet import Classifier, GalagoError, camera, config, report, sources\n"


def package() -> dict[str, bytes]:
    """Return all files but main.py: path on the board → source."""
    firmware = firmware_dir()
    files = {
        f"/{_flat(name)}.py": flattened(path.read_text(encoding="utf-8"), name)
        for name, path in modules().items()
    }
    files["/mobilenet.py"] = flattened(_TOP, "")
    files["/galago_switch.py"] = (firmware / "galago_switch.py").read_text(encoding="utf-8")
    return {path: text.encode() for path, text in files.items()}


def modules() -> dict[str, Path]:
    """Return the modules to include: dotted name → source file."""
    folder = firmware_dir() / "mobilenet"
    found = {f"mobilenet.{path.stem}": path for path in folder.glob("*.py") if path.stem != "__init__"}
    for part in _SUBPACKAGES:
        for path in (folder / part).glob("*.py"):
            if path.stem not in _EXCLUDED:
                tail = "" if path.stem == "__init__" else f".{path.stem}"
                found[f"mobilenet.{part}{tail}"] = path
    return dict(sorted(found.items()))


def flattened(source: str, name: str) -> str:
    """Return a module's source with its imports from the package rewritten.

    `name` is the module's dotted name, "" for a program.
    """
    package = name if name in {f"mobilenet.{part}" for part in _SUBPACKAGES} else name.rpartition(".")[0]
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
    """Return the dotted name of the module that `node` imports from."""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*base, *([node.module] if node.module else [])])


def _statement(target: str, alias: ast.alias) -> str:
    full, known = f"{target}.{alias.name}", alias.asname or alias.name
    if target == "mobilenet" and alias.name in _DEFINED_IN:
        target, full = _DEFINED_IN[alias.name], ""
    if full in modules():
        return f"import {_flat(full)} as {known}"
    renamed = "" if known == alias.name else f" as {known}"
    return f"from {_flat(target)} import {alias.name}{renamed}"


def _flat(name: str) -> str:
    return name.replace(".", "_")
