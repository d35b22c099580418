# SPDX-License-Identifier: MIT
"""record.toml is the only source of the words of a layer's record: all device files agree with it."""

import ast
import json
import re
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from galago.resources import firmware_dir
from galago.tflite import engine
from galago.tflite.records import Record
from support.builder import Builder

ENGINE = firmware_dir() / "mobilenet" / "tflite"
HOST = Path(__file__).resolve().parents[3] / "tools" / "galago"
LAYOUT = tomllib.loads((ENGINE / "record.toml").read_text())
GROUPS = {name: words for name, words in LAYOUT.items() if isinstance(words, dict)}
WORDS = {name: number for words in GROUPS.values() for name, number in words.items()}
OWN = (
    "conv_2d", "depthwise_conv_2d", "pad", "rescale", "add", "mul", "elementwise", "tail", "strided_slice",
    "concatenation", "resize", "average_pool_2d",
    "general_convolution",
)  # fmt: skip  # words of single operators
RECORDS = ("p", "plan", "record")  # names of a record, or of all records, in device code

FILES = [path for path in sorted(ENGINE.rglob("*.py")) if re.search(r"record|plan", path.read_text())]


def constants(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and value of each `_NAME = const(n)`."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(
                targets=[ast.Name(name)],
                value=ast.Call(func=ast.Name("const"), args=[ast.Constant(int(value))]),
            ):
                yield name, value


def subscripts(tree: ast.AST) -> Iterator[tuple[ast.Subscript, ast.expr]]:
    """Each subscript of a record or a plan, with the expression of its index."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            name = getattr(node.value, "id", getattr(node.value, "attr", ""))
            if name in RECORDS:
                yield node, node.slice


def test_words_are_unique_and_complete() -> None:
    assert sum(map(len, GROUPS.values())) == len(WORDS)
    shared = [number for name, words in GROUPS.items() if name not in OWN for number in words.values()]
    own = {number for name in OWN for number in GROUPS[name].values()}
    assert len(shared) == len(set(shared))
    assert set(shared) | own == set(range(LAYOUT["words"]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_device_files_agree_with_it(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = dict(constants(tree))
    for name, value in named.items():
        word = name.removeprefix("_").lower()
        assert value == (LAYOUT["words"] if word == "record" else WORDS.get(word, value)), name
    for node, index in subscripts(tree):
        text = f"line {node.lineno}: {ast.unparse(node)}"
        for part in ast.walk(index):
            assert not isinstance(part, ast.Constant), f"{text}: a bare number, name the word"
            if isinstance(part, ast.Name) and part.id in named:
                word = part.id.removeprefix("_").lower()
                assert word in WORDS or word == "record", f"{text}: {part.id} is not in record.toml"


def test_stored_plans_of_another_layout_are_refused() -> None:
    graph = Builder((1, 4))
    head, _ = engine.stored_plan(graph.finish(graph.softmax(graph.input))).split(b"\n", 1)
    layout = zlib.crc32(json.dumps([WORDS, sorted(json.loads(head))], sort_keys=True).encode()) & 0xFFFF
    tree = ast.parse((ENGINE / "loading" / "stored.py").read_text())
    assert dict(constants(tree))["FORMAT"] == layout, f"set FORMAT to 0x{layout:04X}"


def test_the_device_files_use_it() -> None:
    """Checks the test above: it sees constants and subscripts."""
    trees = [ast.parse(path.read_text()) for path in FILES]
    used = {name.removeprefix("_").lower() for tree in trees for name, _ in constants(tree)}
    assert set(WORDS) <= used
    assert sum(1 for tree in trees for _ in subscripts(tree)) > 200


def test_the_host_reads_it() -> None:
    record = Record(tuple(range(LAYOUT["words"])))
    assert {name: getattr(record, name) for name in WORDS} == WORDS
    assert {name: Record.word(name) for name in WORDS} == WORDS
    for path in sorted(HOST.rglob("*.py")):
        assert not re.search(r"\.words\[\d", path.read_text()), f"{path.name}: a bare number, name the word"
