# SPDX-License-Identifier: MIT
"""Puts the device package and a model on a board, and has it run them; uploads only what differs.

with transport.connect(port) as board:
    plan = Plan(board, device_package(board) | model_files(model))           # files alone
    known = boards.identify(board.implementation)
    plan = boot_plan(board, model, settings_of(known, "files"), known)
    plan.run(on_progress=lambda path, done: ...)
    roll_back(board)
"""

from galago.flash.boot import (
    CONFIG,
    PREVIOUS,
    boot_plan,
    check_main,
    config,
    forget,
    roll_back,
    settings_of,
)
from galago.flash.files import LIBRARY, MODELS, device_package, model_files, native_arch, remote_path
from galago.flash.plan import Plan, compare

__all__ = [
    "CONFIG",
    "LIBRARY",
    "MODELS",
    "PREVIOUS",
    "Plan",
    "boot_plan",
    "check_main",
    "compare",
    "config",
    "device_package",
    "forget",
    "model_files",
    "native_arch",
    "remote_path",
    "roll_back",
    "settings_of",
]
