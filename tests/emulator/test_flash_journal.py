# SPDX-License-Identifier: MIT
"""A journal of LittleFS's own changes: replayed it yields the same memory, and any cut of it still mounts."""

from pathlib import Path

from galago.emulator import flash_journal, littlefs
from support.recorded_flash import recorded

BEFORE = {"/old.txt": b"old" * 1000}
AFTER = {**BEFORE, "/new.txt": b"new" * 5000}


def _write(system) -> None:
    with system.open("/new.txt", "wb") as file:
        file.write(AFTER["/new.txt"])


def test_every_cut_of_a_journal_is_a_memory_that_mounts(tmp_path: Path) -> None:
    before = littlefs.build(BEFORE, 16 * 4096)
    changes, after = recorded(before, tmp_path / "journal", _write)
    undisturbed = [*changes, changes[-1]]
    assert flash_journal.after_power_cut(before, undisturbed, len(undisturbed)) == after
    assert flash_journal.after_power_cut(before, changes, 0) == before
    half = len(changes[0].data) // 2
    cut = flash_journal.after_power_cut(before, changes, 1)
    start = changes[0].offset
    assert cut[start : start + half] == changes[0].data[:half]
    assert cut[start + half :] == before[start + half :]
    for number in range(len(changes) + 1):
        found = littlefs.read(flash_journal.after_power_cut(before, changes, number))
        assert found["/old.txt"] == BEFORE["/old.txt"]
        assert found.get("/new.txt", b"") in (b"", AFTER["/new.txt"])
    assert littlefs.read(after) == AFTER


def test_a_journal_that_is_being_written_can_be_read(tmp_path: Path) -> None:
    """The last change may lack some of its bytes, or of its head."""
    changes, _ = recorded(littlefs.build({}, 16 * 4096), tmp_path / "journal", _write)
    content = (tmp_path / "journal").read_bytes()
    for size in (len(content) - 1, len(content) - len(changes[-1].data) - 1):
        (tmp_path / "journal").write_bytes(content[:size])
        assert flash_journal.read(tmp_path / "journal") == changes[:-1]
