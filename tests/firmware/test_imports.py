# SPDX-License-Identifier: MIT
"""The modules of the device package import each other in one direction, also inside functions.

Modules that are found by a computed name (backends, cameras, outputs, operators, kernels) are plug-ins: what
loads them does not import them.
"""

import ast
from pathlib import Path

from galago.resources import firmware_dir


def modules(firmware: Path) -> dict[str, Path]:
    """The device package: dotted name → source file."""
    found = {}
    for path in sorted((firmware / "mobilenet").rglob("*.py")):
        parts = path.relative_to(firmware).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, known: dict[str, Path]) -> set[str]:
    """The modules of the package that a module imports."""
    package = name if known[name].stem == "__init__" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(known[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")
            base = base[: len(base) - node.level + 1] if node.level else []
            target = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                inner = f"{target}.{alias.name}"
                found.add(inner if inner in known else target)
    return found & set(known)


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """A cycle of imports, or an empty list."""
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name not in done:
            for other in sorted(graph[name]):
                if found := visit(other, [*trail, name]):
                    return found
            done.add(name)
        return []

    for name in graph:
        if found := visit(name, []):
            return found
    return []


def test_no_cycles_between_device_modules() -> None:
    known = modules(firmware_dir())
    graph = {name: imports(name, known) for name in known}
    assert "mobilenet.image.picture" in graph["mobilenet.image.jpeg"]
    assert "mobilenet.image.jpeg" in graph["mobilenet.image.formats"]
    assert not cycle(graph), " → ".join(cycle(graph))


def test_a_cycle_is_found() -> None:
    """Checks the search itself."""
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
