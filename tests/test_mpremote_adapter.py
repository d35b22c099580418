# SPDX-License-Identifier: MIT
"""The installed mpremote still has all that Galago uses of it, private parts among it."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest
from mpremote.transport_serial import SerialTransport, fs_hook_code

from galago.transport.mpremote_adapter import HOOK_CHANGES, RomWriter

ROOT = Path(__file__).resolve().parents[1]
STUBS = ROOT / "typings" / "mpremote"
SET_IN_INIT = {
    *("device_name", "is_pty", "mounted", "serial", "error_output", "_dir_stack"),
    *("root", "data_files", "orig_serial", "buf"),
}
"""Attributes of instances; that __init__ still sets them is seen in its source."""


def declared() -> list[tuple[str, ast.ClassDef]]:
    """Module and class of each declaration in the stubs."""
    return [
        (f"mpremote.{path.stem}", node)
        for path in sorted(STUBS.glob("[!_]*.pyi"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


@pytest.mark.parametrize(("module", "stub"), declared(), ids=lambda each: getattr(each, "name", each))
def test_what_the_stubs_declare_exists(module: str, stub: ast.ClassDef) -> None:
    actual = getattr(importlib.import_module(module), stub.name)
    for node in stub.body:
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args]
            positional = len(names) - len(node.args.defaults)
            parameters = inspect.signature(getattr(actual, node.name)).parameters
            assert list(parameters)[:positional] == names[:positional], node.name
            assert set(names) <= set(parameters), node.name
            others = [parameters[name] for name in parameters if name not in names]
            assert all(other.default is not inspect.Parameter.empty for other in others), node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            if name in SET_IN_INIT:
                assert f"self.{name} = " in inspect.getsource(actual.__init__)
            else:
                assert hasattr(actual, name)


def test_the_mounted_folder_s_program_has_the_lines_that_are_replaced() -> None:
    assert {old: fs_hook_code.count(old) for old in HOOK_CHANGES} == dict.fromkeys(HOOK_CHANGES, 1)
    assert "RemoteFS" in fs_hook_code
    source = inspect.getsource(SerialTransport.mount_local)
    assert '"RemoteFS" in globals()' in source, "it sends its own program unless there is one"


def test_mpremote_calls_the_methods_that_are_overridden() -> None:
    for name, callee in (("exec", "self.exec_raw("), ("eval", "self.exec("), ("fs_hashfile", "self.eval(")):
        assert callee in inspect.getsource(getattr(SerialTransport, name))


def test_only_the_adapters_import_mpremote() -> None:
    importers = {
        path.name
        for path in (ROOT / "tools" / "galago").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mpremote")
        or (
            isinstance(node, ast.Import) and any(name.name.split(".")[0] == "mpremote" for name in node.names)
        )
    }
    assert importers == {"mpremote_adapter.py", "served_folder.py"}


def test_the_rom_writer_s_image_is_what_mpremote_would_write() -> None:
    """But for the length of the header: mpremote's is as short as it can be."""
    ours, theirs = RomWriter(), RomWriter()
    for writer in (ours, theirs):
        writer.opendir("models")
        writer.mkfile("a", b"content")
        writer.closedir()
    body = bytes(theirs._dir_stack[0][1])
    assert ours.image()[8 : 8 + len(body)] == body
    assert bytes(theirs.finalise()).endswith(body)
