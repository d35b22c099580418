# SPDX-License-Identifier: MIT
"""Imports flow one way, as the table in docs/architecture.md says; device code never imports the host's."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOST = ROOT / "tools" / "galago"
DEVICE = ROOT / "firmware"


def layers() -> dict[str, int]:
    """Module → height, read from the table: the first row is the highest."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.split("| layer | modules |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| ([\w ]+) \| (.+) \|$", table, re.MULTILINE)
    return {name: -row for row, (_, names) in enumerate(rows) for name in re.findall(r"`(\w+)`", names)}


def part_of(path: Path) -> str:
    """The top-level module of galago that a file belongs to."""
    return path.relative_to(HOST).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The absolute names of the modules that a file imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def host_files() -> list[Path]:
    return [path for path in sorted(HOST.rglob("*.py")) if part_of(path) not in ("__init__", "__main__")]


@pytest.mark.parametrize("path", host_files(), ids=lambda path: str(path.relative_to(HOST)))
def test_host_imports_only_from_layers_below(path: Path) -> None:
    heights = layers()
    own = part_of(path)
    assert own in heights, f"{own} has no place in the table of docs/architecture.md"
    parts = {name.split(".")[1] for name in imported(path) if name.startswith("galago.")} - {
        "__version__",
        own,
    }
    for other in parts & set(heights):
        assert heights[other] <= heights[own], f"{own} imports {other}, which lies above it"


def test_no_cycles_between_host_modules() -> None:
    graph: dict[str, set[str]] = {}
    for path in host_files():
        names = {name.split(".")[1] for name in imported(path) if name.startswith("galago.")}
        graph.setdefault(part_of(path), set()).update(names - {part_of(path)})

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join([*trail, name])
        for other in sorted(graph.get(name, ())):
            visit(other, (*trail, name))

    for name in graph:
        visit(name, ())


def test_every_module_in_the_table_exists() -> None:
    present = {part_of(path) for path in host_files()}
    assert set(layers()) <= present, f"in the table only: {set(layers()) - present}"


@pytest.mark.parametrize("path", sorted(DEVICE.rglob("*.py")), ids=lambda path: str(path.relative_to(DEVICE)))
def test_device_imports_nothing_of_the_host(path: Path) -> None:
    known_by_boards = {"gc", "sys", "os", "io", "time", "json", "hashlib", "micropython", "array", "struct"}
    known_by_boards |= {"binascii", "machine", "uctypes", "vfs", "collections", "errno", "select", "math"}
    if path.parent.name in ("backends", "camera"):  # each imports the runtime or camera that it is for
        known_by_boards |= {"ml", "microlite", "emlearn_cnn_int8", "emlearn_cnn", "tinymaix_cnn", "ulab"}
        known_by_boards |= {"nncase_runtime", "KPU", "maix", "image", "csi", "sensor", "camera", "media"}
    if path.parent.name == "small":
        known_by_boards.add("deflate")
    if path.parent.name == "outputs":
        known_by_boards.add("lcd")
    tops = {name.split(".")[0] for name in imported(path)}
    assert tops <= known_by_boards | {"mobilenet", "galago_switch"}, (
        f"not on every board: {tops - known_by_boards}"
    )


def test_error_codes_are_documented() -> None:
    """docs/errors.md lists exactly the codes that appear in the sources."""
    listed = set(re.findall(r"^\| `([a-z.]+)`", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE))
    source = "\n".join(path.read_text() for base in (HOST, DEVICE) for path in sorted(base.rglob("*.py")))
    areas = "|".join(sorted({code.split(".")[0] for code in listed}))
    used = set(re.findall(rf'"((?:{areas})\.(?!json|sig|tflite|tmdl|kmodel|plan|txt)[a-z]+)"', source))
    used |= set(re.findall(r'GalagoError\(\s*"([a-z.]+)"', source))
    assert used == listed
