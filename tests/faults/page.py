# SPDX-License-Identifier: MIT
# ruff: noqa: E501
"""docs/reliability.md, as `make faults` writes it."""

from collections import Counter

from scenarios import BOARD, ROM_BOARD, Case, upload

RUNS = 3  # of each way to upload


def text(results: dict[str, list[Case]], speeds: tuple[int, float, float]) -> str:
    """The page: cases by kind of fault; bytes, and the seconds that two ways to upload them take."""
    every = [case for cases in results.values() for case in cases]
    rows = "\n".join(_row(kind, cases) for kind, cases in results.items())
    total, ours, theirs = speeds
    said = Counter(case.error or "none, the flash succeeded" for case in every)
    codes = "\n".join(f"| {code} | {count} |" for code, count in said.most_common())
    return f"""# Reliability

Written by `make faults`: what happens to a board while `galago flash` works on it, on an emulated {BOARD}, and {ROM_BOARD} for its ROMFS (the real
MicroPython interpreter and its LittleFS; no board of silicon took part). Of a write during which the power fails, half is done. After each fault the board is switched on, and has to run the old model or the
new one, never a mix: its start line, its self-test against TensorFlow Lite Micro's golden output and the class of a picture all have to be the same model's. Then the flash is
repeated, and has to finish by uploading only what had not arrived; of a file that was interrupted up to {upload.FLUSHED // 1024} KiB, which were not flushed yet, come again.

**{len(every)} faults, {sum(bool(case.problem) for case in every)} after which one of these did not hold.**

| fault | times | then ran the old model | the new one | nothing yet | most bytes uploaded twice | did not hold |
|---|---|---|---|---|---|---|
{rows}

"Nothing yet": the board was empty, and boots to its prompt until it has been flashed.

What the user of the flash that was hit saw ([errors](errors.md)):

| code | times |
|---|---|
{codes}

## How

- New files are uploaded beside the old ones as `NAME.new`, in pieces that are flushed every {upload.FLUSHED // 1024} KiB, and hashed on the board when they are whole.
- One rename, of a list of them to `galago.switch.json`, decides. What the list says is then carried out, or at the next boot, before anything else: `firmware/galago_switch.py`.
  The device package, `main.py`, the model and `galago.json` change in that one step.
- The model before stays, and `galago.previous.json` names it: `galago flash --rollback`. A config that cannot be used is reported, and the last one that worked runs (`galago.good.json`).
- FAT has no rename over a file: there, a cut between removing and renaming the switch's own module is mended by the next flash, not by the boot.

## Speed

The {total:,} bytes of the device package and the shipped model, to an empty emulated {BOARD}, on this computer; the median of {RUNS} runs each, in one run of `make faults`:

| | seconds | kB/s |
|---|---|---|
| `galago flash`, with hashes on the board | {ours:.1f} | {total / ours / 1000:.0f} |
| `mpremote fs cp -r` | {theirs:.1f} | {total / theirs / 1000:.0f} |

A board of silicon is slower: its flash, or its serial line, is what takes the time.
"""


def _row(kind: str, cases: list[Case]) -> str:
    ran = Counter(case.ran for case in cases)
    twice = max((case.twice for case in cases), default=0)
    bad = sum(bool(case.problem) for case in cases)
    return f"| {kind} | {len(cases)} | {ran['first']} | {ran['second']} | {ran[None]} | {twice:,} | {bad} |"
