# SPDX-License-Identifier: MIT
"""What is known about each board: one TOML file per board, named by its official MicroPython board id.

board = load("RPI_PICO2")            # or a path that ends in .toml
board.heap                           # bytes
[board.id for board in all()]
"""

import builtins
import difflib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from galago import special_files
from galago.errors import GalagoError
from galago.resources import boards_dir

DEFAULT = "RPI_PICO2"
"""The board that is emulated if the user names none."""

Arch = Literal["armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa", "xtensawin", "rv32imc"]
"""The names of mpy-cross -march; on a board sys.implementation._mpy >> 10 is the number, 0 for none."""

Cores = Literal["host", "board"]
"""Whose machine code an emulated board runs as native kernels: this computer's, or the board's own."""
Kernels = Literal["viper", "native"]
"""What the built-in engine computes with: viper, or machine code that Galago generates."""

Backend = Literal["builtin", "openmv", "microlite", "emlearn", "maixpy", "canmv_k210", "canmv_k230"]
"""Runtimes. A board uses the first of its list that its firmware has."""

Mount = Literal["/", "/flash", "/sdcard"]
"""Where stock firmware mounts the file system, which holds main.py and galago.json."""

Format = Literal["littlefs", "fat"]
"""How stock firmware formats the file system."""

Display = Literal["lcd"]
"""The module that draws on a board's own display: lcd is MaixPy's."""

Installer = Literal[
    "esptool", "uf2", "picotool", "dfu-util", "st-flash", "kflash", "bossac", "teensy_loader_cli", "sd-card"
]
"""What installs a firmware image on a board: a command, or a copy to a drive (uf2) or a card."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """The camera that a board comes with."""

    sensor: str
    """The sensor's chip."""
    module: Literal["camera", "csi", "sensor", "media.sensor"]
    """The MicroPython module that reads it: micropython-camera-API, OpenMV, MaixPy, CanMV K230."""
    firmware: str = ""
    """A firmware that has the module, if the board's usual firmware lacks it."""
    pins: dict[str, Any] = field(default_factory=dict)
    """GPIO numbers by signal, if the module needs them; `data` is a list from D0 to D7."""


@dataclass(frozen=True, kw_only=True)
class BoardSpec:
    """A board with its stock firmware. Sizes are in bytes; boards/README.md says how to find each figure."""

    id: str
    name: str
    mcu: str
    core: str
    arch: Literal[Arch, "none"]
    """The architecture of the machine code that its firmware loads."""
    clock_hz: int
    """Clock at boot in Hz."""
    cycles_per_instruction: float
    """The mean over all instructions that the engine executes."""
    ram: int
    """RAM of the chip."""
    heap: int
    """The part of it for Python: gc.mem_free() + gc.mem_alloc(), after growth where the heap can grow."""
    largest_block: int = 0
    """The largest contiguous part of the heap; 0 if the heap is in one piece."""
    flash: int
    filesystem: int
    """The part of the flash that holds the file system that stock firmware mounts at `mount`."""
    format: Format = "littlefs"
    mount: Mount = "/"
    romfs: int = 0
    psram: int = 0
    """External RAM of any kind."""
    kernels: tuple[Kernels, ...]
    backends: tuple[Backend, ...]
    install_with: tuple[Installer, ...]
    kmodel_address: int = 0
    """K210: where in flash a kmodel goes if the file system has no room for it."""
    download: str = ""
    """Where the images of its firmware are, if not at micropython.org."""
    machine: str = ""
    """How sys.implementation._machine starts, if not with `name`."""
    build: str = ""
    """The MicroPython build that the board runs, if no build has the board's id."""
    led: str = ""
    """The machine.Pin of an LED, by name or number; after `~` if it is lit when low."""
    display: Literal[Display, ""] = ""
    camera: Camera | None = None
    sources: dict[str, str] = field(repr=False)

    @property
    def instruction_set(self) -> str:
        """What machine code for a model is generated for: `arch`, or "helium" where the core has that."""
        return "helium" if has_helium(self.core) else self.arch

    @property
    def block(self) -> int:
        """The unit in bytes in which the file system gives room to files."""
        return 512 if self.format == "fat" else 4096

    @property
    def file_space(self) -> int:
        """The bytes of the file system that files and folders can take.

        A FAT needs a boot sector, 512 entries of 32 bytes for the root folder, and 12 bits for each sector,
        as f_mkfs of MicroPython's lib/oofatfs calculates it.
        """
        if self.format != "fat":
            return self.filesystem
        sectors = self.filesystem // 512
        table = -(-((3 * sectors + 1) // 2 + 3) // 512)
        return 512 * (sectors - 1 - 32 - table)

    @property
    def image_page(self) -> str:
        """The web page with the images of its firmware."""
        base, _, variant = (self.build or self.id).partition("-")
        page = f"https://micropython.org/download/{base}/" + (f" (variant {variant})" if variant else "")
        return self.download or page


def all() -> list[BoardSpec]:  # noqa: A001 (read as boards.all)
    """The shipped boards, sorted by id."""
    return [_read(boards_dir() / f"{name}.toml") for name in _known()]


def load(board: str | Path) -> BoardSpec:
    """A shipped board by its id, or any board file by its path, which ends in .toml.

    Raises GalagoError board.unknown if there is none, and board.invalid if a value in the file is not valid.
    """
    if str(board).endswith(".toml"):
        return _read(Path(board))
    known = _known()
    if board in known:
        return _read(boards_dir() / f"{board}.toml")
    near = difflib.get_close_matches(str(board).upper(), known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "galago boards lists all of them"
    raise GalagoError("board.unknown", f"no board {board}: {hint} (or pass the path of a .toml file)")


def identify(implementation: Mapping[str, Any]) -> BoardSpec | None:
    """The board whose firmware this is, by `build` (since MicroPython 1.25), otherwise by `machine`.

    `implementation` is the attribute of transport.Board. Returns None if it is not a shipped board. A board
    that runs the build of another one cannot be told from it.
    """
    known = _known()
    if implementation.get("build") in known:
        return load(str(implementation["build"]))
    machine = str(implementation.get("machine", "")).lower()
    # The longest start wins: several names start alike, such as "Generic ESP32 module with".
    named = [(board.machine or f"{board.name} with", board) for board in all() if not board.build]
    found = [(len(start), board.id) for start, board in named if machine.startswith(start.lower())]
    return load(max(found)[1]) if found else None


def has_helium(core: str) -> bool:
    """Whether a core, or the `machine` of a board that names it, has Arm's vector instructions."""
    return "Cortex-M55" in core


def _known() -> list[str]:
    return sorted(path.stem for path in boards_dir().glob("*.toml"))


def _read(path: Path) -> BoardSpec:
    import tomllib  # here, so that --help does without it

    special_files.refuse(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise GalagoError("board.unknown", f"no board file {path}") from error
    except (OSError, ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number of 5,000 digits
        raise GalagoError("board.invalid", f"{path}: {error}") from error
    for problem in _problems(values):
        raise GalagoError("board.invalid", f"{path}: {problem}")
    for key, value in values.items():
        if isinstance(value, list):
            values[key] = tuple(value)
    if "camera" in values:
        values["camera"] = Camera(**values["camera"])
    return BoardSpec(id=path.stem, **values)


def _problems(values: dict[str, Any]) -> list[str]:
    problems = _wrong_fields(BoardSpec, values, "")
    if isinstance(values.get("camera"), dict):
        problems += _wrong_fields(Camera, values["camera"], "camera.")
        problems += _wrong_pins(values["camera"].get("pins", {}))
    sources = values.get("sources", {})
    if not isinstance(sources, dict) or not builtins.all(
        isinstance(text, str) and text for text in sources.values()
    ):
        return ["sources must be a table of strings"]
    known = {item.name for item in fields(BoardSpec)}
    problems += [f"{key} in sources is not a known key" for key in sources if key not in known]
    for key, value in values.items():
        number = type(value) in (int, float) and value
        if (number or key == "camera") and key not in sources:
            problems.append(f"{key} has no source: add to [sources] where {_short(value)} comes from")
    return problems or _contradictions(values)


def _wrong_fields(kind: type, values: dict[str, Any], prefix: str) -> list[str]:
    """The keys that are missing, unknown or of another type than the fields of a dataclass."""
    expected = {item.name: item for item in fields(kind) if item.name != "id"}
    problems = [f"{prefix}{key} is not a known key" for key in values if key not in expected]
    for name, item in expected.items():
        if name in values:
            if not _is_valid(values[name], item.type):
                problems.append(
                    f"{prefix}{name} must be {_description(item.type)}, got {_short(values[name])}"
                )
        elif item.default is MISSING and item.default_factory is MISSING:
            problems.append(f"{prefix}{name} is missing")
    return problems


def _is_valid(value: Any, kind: Any) -> bool:
    if kind is int:
        return type(value) is int and 0 <= value < 1 << 62
    if kind is float:
        return type(value) in (int, float) and 0 < value < 1000  # which NaN is not
    if kind is str:
        return isinstance(value, str) and value.isprintable() and bool(value.strip())
    if get_origin(kind) is Literal:
        return value in get_args(kind) if isinstance(value, str) else False
    if get_origin(kind) is tuple:
        return (
            isinstance(value, list)
            and len(value) == len({str(each) for each in value})
            and builtins.all(_is_valid(each, get_args(kind)[0]) for each in value)
        )
    return isinstance(value, dict)


def _description(kind: Any) -> str:
    if kind is int:
        return "a number of at least 0"
    if kind is float:
        return "a number above 0"
    if kind is str:
        return "a string"
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    if get_origin(kind) is tuple:
        return f"a list of {', '.join(get_args(get_args(kind)[0]))}, each once at most"
    return "a table"


def _wrong_pins(pins: Any) -> list[str]:
    if not isinstance(pins, dict):
        return []  # reported by _wrong_fields
    return [
        f"camera.pins.{signal} must be the number of a pin, or a list of them, got {_short(pin)}"
        for signal, pin in pins.items()
        if not builtins.all(_is_valid(each, int) for each in (pin if isinstance(pin, list) else [pin]))
    ]


def _contradictions(values: dict[str, Any]) -> list[str]:
    """Contradictions between values that are valid one by one."""

    def size(key: str) -> int:
        return values.get(key, 0)

    problems = []
    if not values["clock_hz"]:
        problems.append("clock_hz must be a number above 0, got 0")
    if size("heap") > size("ram") + size("psram"):
        problems.append(f"heap is {size('heap'):,} of {size('ram') + size('psram'):,} bytes of ram and psram")
    if size("largest_block") > size("heap"):
        problems.append(f"largest_block is {size('largest_block'):,} of {size('heap'):,} bytes of heap")
    files = size("filesystem") + size("romfs")
    if files > size("flash"):
        problems.append(f"filesystem and romfs are {files:,} of {size('flash'):,} bytes of flash")
    if (values["arch"] == "none") != (not values["kernels"]):
        problems.append(
            f"kernels must be empty if and only if arch is none, got {values['kernels']} and {values['arch']}"
        )
    if ("builtin" in values["backends"]) != bool(values["kernels"]):
        problems.append("backends must contain builtin if and only if there are kernels")
    return problems


def _short(value: Any) -> str:
    text = f"{value:,}" if type(value) is int else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
