# SPDX-License-Identifier: MIT
# ruff: noqa: E501
"""docs/reliability.md: what happened to a board while faults were injected. `make faults` writes it.

text = page(results, upload_speed, {"files": "RPI_PICO", "romfs": "PYBD_SF2"})
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from docgen.table import table
from galago.transport.upload import FLUSH_INTERVAL

_PAGE = """# Reliability

Written by `make faults`, which injects faults while `galago flash` works on an emulated {files}, and on an emulated {romfs} for its ROMFS (the real MicroPython interpreter and
its LittleFS; no physical board took part). If the power fails during a write, half of the write is done. After each fault the board is switched on and must run the old model or the
new one, never a mix: its start line, its self-test against TensorFlow Lite Micro's golden output and the class of a picture must all belong to one model. Then the flash is
repeated. It must finish by uploading only what had not arrived, and at most {flushed} KiB of an interrupted file that had not been flushed yet.

**{faults} faults were injected; {failed} of them violated one of these conditions.**

{kinds}
"Nothing yet": the board was empty, and boots to its prompt until it has been flashed.

The interrupted flash ended with these codes ([errors](errors.md)):

{codes}
## How it works

- New files are uploaded beside the old ones as `NAME.new`, in pieces that are flushed every {flushed} KiB, and hashed on the board when they are complete. A lost answer is requested again.
- A list of these files is written and then renamed to `galago.switch.json`: this one rename decides. `firmware/galago_switch.py` then carries out what the list says, at once or,
  if it is interrupted, at the next boot before anything else. The device package, `main.py`, the model and `galago.json` change in that one step.
- The previous model stays on the board for `galago flash --rollback`; `galago.previous.json` names it. A config that cannot be used is reported, and the last one that worked is used
  (`galago.good.json`).
- Each time a board loads a model, it compares the model's files with the size and the CRC-32 that flashing wrote into `model.json`, so that damaged flash memory is noticed before the first
  picture. A damaged plan or damaged machine code is done without: the board plans anew, viper computes.
- FAT cannot rename over an existing file: there, a power cut between removing and renaming the switch's own module is repaired by the next flash, not by the boot.

## Speed

Uploading the {bytes:,} bytes of the device package and the shipped model to an empty emulated {files} on this computer; the median of {runs} runs each, in one run of `make faults`:

{speeds}
On a physical board, the flash memory or the serial line takes most of the time.
"""


class FaultCase(Protocol):
    """What came of one fault."""

    @property
    def error(self) -> str:
        """The code of the error that the user saw; empty if the flash succeeded."""
        ...

    @property
    def ran(self) -> str | None:
        """The model that the board ran after the fault: "first" (the old one), "second", or None."""
        ...

    @property
    def twice(self) -> int:
        """Bytes that were uploaded twice."""
        ...

    @property
    def problem(self) -> str:
        """Which condition did not hold; empty if all did."""
        ...


@dataclass(frozen=True)
class UploadSpeed:
    """The bytes uploaded, and the median seconds that `galago flash` and `mpremote cp` take, of `runs` each."""

    bytes: int
    galago: float
    mpremote: float
    runs: int


def page(results: Mapping[str, Sequence[FaultCase]], speed: UploadSpeed, boards: Mapping[str, str]) -> str:
    """Return the page. `results` has the cases by kind of fault, `boards` the ids for "files" and "romfs"."""
    cases = [case for each in results.values() for case in each]
    codes = Counter(case.error or "none, the flash succeeded" for case in cases)
    seconds = {
        "`galago flash`, with hashes on the board": speed.galago,
        "`mpremote fs cp -r`": speed.mpremote,
    }
    return _PAGE.format(
        **boards,
        flushed=FLUSH_INTERVAL // 1024,
        faults=len(cases),
        failed=sum(bool(case.problem) for case in cases),
        kinds=_kinds(results),
        codes=table(("code", "times"), codes.most_common()),
        bytes=speed.bytes,
        runs=speed.runs,
        speeds=table(
            ("", "seconds", "kB/s"),
            [(name, f"{time:.1f}", f"{speed.bytes / time / 1000:.0f}") for name, time in seconds.items()],
        ),
    )


def _kinds(results: Mapping[str, Sequence[FaultCase]]) -> str:
    rows = []
    for kind, cases in results.items():
        ran = Counter(case.ran for case in cases)
        twice = max((case.twice for case in cases), default=0)
        failed = sum(bool(case.problem) for case in cases)
        rows.append((kind, len(cases), ran["first"], ran["second"], ran[None], f"{twice:,}", failed))
    headings = ("fault", "times", "then ran the old model", "the new one", "nothing yet")
    return table((*headings, "most bytes uploaded twice", "did not hold"), rows)
