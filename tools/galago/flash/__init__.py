# SPDX-License-Identifier: MIT
"""Put the device package and a model on a board and have it run them; upload only what differs.

with transport.connect(port) as board:
    plan = UploadPlan(board, device_package(board) | model_files(model))     # files alone
    known = boards.identify(board.implementation)
    plan = boot_plan(board, model, default_settings(known, "files"), known)
    plan.run(on_progress=lambda path, done: ...)
    roll_back(board)
"""

from galago.flash.boot import (
    CONFIG,
    PREVIOUS,
    boot_plan,
    check_main_py,
    clear_memory,
    default_settings,
    kept_settings,
    models_in,
    read_config,
    roll_back,
    seed,
    write_config,
)
from galago.flash.camera_check import check_camera
from galago.flash.files import (
    LIBRARY,
    MODELS,
    device_package,
    has_small_form,
    installation,
    kept_native,
    model_files,
    native_arch,
    remote_path,
    source_package,
    spare_files,
)
from galago.flash.import_check import check_import
from galago.flash.prepared import Prepared, prepared
from galago.flash.upload_plan import MAKE_FILESYSTEM, NO_FILESYSTEM, Comparison, UploadPlan, compare

__all__ = [
    "CONFIG",
    "LIBRARY",
    "MAKE_FILESYSTEM",
    "MODELS",
    "NO_FILESYSTEM",
    "PREVIOUS",
    "Comparison",
    "Prepared",
    "UploadPlan",
    "boot_plan",
    "check_camera",
    "check_import",
    "check_main_py",
    "clear_memory",
    "compare",
    "default_settings",
    "device_package",
    "has_small_form",
    "installation",
    "kept_native",
    "kept_settings",
    "model_files",
    "models_in",
    "native_arch",
    "prepared",
    "read_config",
    "remote_path",
    "roll_back",
    "seed",
    "source_package",
    "spare_files",
    "write_config",
]
