# SPDX-License-Identifier: MIT
"""Attack everything that comes from a file, a cable or a user, and write what held into docs/reliability.md.

    python tests/attack docs/reliability.md --seconds 900 --seed 1
    python tests/attack docs/reliability.md --only pictures   # replaces the rows of kinds with this word
    python tests/attack --only pictures
    python tests/attack --only pictures --first 17 --count 1

Each kind runs in a process of its own, so that a crash or a hang counts as a failure of the input that caused
it, and the next input follows. Exits with status 1 if anything failed.
"""

import argparse
import json
import os
import resource
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

TESTS = Path(__file__).resolve().parents[1]
sys.path[:1] = [str(TESTS), str(TESTS / "faults"), str(TESTS / "fuzz")]

from attack import cables, commands, files, soak  # noqa: E402
from attack.kind import Kind  # noqa: E402
from docgen import attacks  # noqa: E402

KINDS: dict[str, tuple[Kind, float]] = {
    "day": (soak.day, 6),
    "ten thousand": (soak.ten_thousand, 6),
    "lies": (cables.lies, 2),
    "faults": (cables.faults, 2),
    "crowds": (cables.crowds, 1),
    "signals": (commands.signals, 2),
    "disks": (commands.full_disks, 2),
    "terminals": (commands.terminals, 0.5),
    "models": (files.models, 1),
    "contracts": (files.contracts, 1),
    "configs": (files.configs, 1),
    "hand-written": (files.hand_written, 1),
    "pictures": (files.broken_pictures, 1),
    "foreign models": (files.foreign_models, 1),
    "signatures": (files.signatures, 0.5),
}
"""The kinds by name, the longest first, and their shares of the time."""
FIGURES = Path(attacks.__file__).with_name("attacks.json")
"""What came of each kind when it was tried last."""
_HANG = 900.0  # seconds for one attempt, on a computer that may be busy
_LARGEST = 8 << 30  # bytes of address space


@dataclass
class Tally:
    """What came of a kind."""

    tried: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    """Seconds of the longest attempt."""
    memory: float = 0.0
    """MB that the process, or one that it started, had at most."""
    figures: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def main() -> int:
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("page", nargs="?", type=Path, help="the page to write the results into")
    parser.add_argument("--seconds", type=float, default=900, help="for all kinds together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="how many kinds run at a time")
    parser.add_argument("--only", default="", help="only kinds whose name contains this")
    parser.add_argument("--first", type=int, default=0, help="the number of the first attempt")
    parser.add_argument("--count", type=int, default=1 << 40, help="how many attempts")
    parser.add_argument("--inside", help=argparse.SUPPRESS)  # the kind to run in this process,
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # and the folder for its files
    options = parser.parse_args()
    if options.inside:
        _inside(options)
        return 0
    chosen = {name: share for name, (_, share) in KINDS.items() if options.only in name}
    each = options.seconds * min(options.jobs, len(chosen)) / sum(chosen.values())

    def one(name: str) -> Tally:
        tally = run(name, each * chosen[name], options.seed, options.first, options.count)
        _show(name, tally)
        return tally

    with ThreadPoolExecutor(options.jobs) as pool:
        tallies = dict(zip(chosen, pool.map(one, chosen), strict=True))
    if options.page:
        _write(options.page, tallies, options.seed)
    return 1 if any(tally.failures for tally in tallies.values()) else 0


def _write(page: Path, tallies: dict[str, Tally], seed: int) -> None:
    """Write the page from these tallies, and the last ones of the kinds that were not tried this time."""
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.is_file() else {}
    kept |= {name: asdict(tally) for name, tally in tallies.items()}
    FIGURES.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    all_tallies = {name: Tally(**kept[name]) for name in KINDS if name in kept}
    how = {name: (kind.__doc__ or "").strip() for name, (kind, _) in KINDS.items()}
    section = attacks.section(all_tallies, how, seed)
    page.write_text(attacks.replaced(page.read_text(encoding="utf-8"), section), encoding="utf-8")


def _show(name: str, tally: Tally) -> None:
    print(
        f"{name}: {tally.tried:,} tried, {len(tally.failures)} failed, {tally.seconds:.0f} s, "
        f"longest {tally.longest:.1f} s, at most {tally.memory:.0f} MB",
        flush=True,
    )
    for line in [*tally.failures, *(f"{key}: {value}" for key, value in tally.figures.items())]:
        print(f"    {line}", flush=True)


def run(name: str, seconds: float, seed: int, first: int = 0, count: int = 1 << 40) -> Tally:
    """Run one kind for some time, in one process or, after each crash, in another one."""
    tally = Tally()
    end, start = first + count, time.monotonic()
    while first < end and (left := seconds - (time.monotonic() - start)) > 0:
        last = _watch(name, left, seed, first, end - first, tally)
        if last is None:
            break
        first = last + 1
    tally.seconds = time.monotonic() - start
    return tally


def _watch(name: str, seconds: float, seed: int, first: int, count: int, tally: Tally) -> int | None:
    """Follow a process that runs the kind; return the attempt at which it crashed or hung, or None."""
    number = first
    with (
        tempfile.TemporaryDirectory(prefix="attack-") as folder,
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [
                *(sys.executable, sys.argv[0], "--inside", name, "--folder", folder, "--seed", str(seed)),
                *("--seconds", str(seconds), "--first", str(first), "--count", str(count)),
            ],
            bufsize=0,  # what has been read is not waited for
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as child,
    ):
        assert child.stdout
        with selectors.DefaultSelector() as ready:
            ready.register(child.stdout, selectors.EVENT_READ)
            while ready.select(_HANG) and (line := child.stdout.readline()):
                message = json.loads(line)
                number = message.get("number", number)
                if "failure" in message:
                    tally.failures.append(f"{number}: {message['failure']}")
                if "tried" in message:
                    tally.tried += message["tried"]
                    tally.longest = max(tally.longest, message["seconds"])
                if "figures" in message:
                    tally.figures = message["figures"]
                    tally.memory = max(tally.memory, message["memory"])
            hangs = child.poll() is None and not ready.select(1)
        if hangs:
            child.kill()
            tally.failures.append(f"{number}: takes over {_HANG:.0f} s")
        elif status := child.wait():
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip()[-300:]
            tally.failures.append(f"{number}: ended with {status}: {last}")
        return number if child.wait() else None


def _inside(options: argparse.Namespace) -> None:
    """Run a kind in this process; report on what was stdout, where nothing else may print."""
    resource.setrlimit(resource.RLIMIT_AS, (_LARGEST, _LARGEST))
    with os.fdopen(os.dup(1), "w") as report:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

        def say(**message: object) -> None:
            print(json.dumps(message), file=report, flush=True)

        with KINDS[options.inside][0](options.folder) as attack:
            start = time.monotonic()
            for number in range(options.first, options.first + options.count):
                began = time.monotonic()
                if began - start > options.seconds:
                    break
                say(number=number)
                try:
                    tried = attack.attempt(Random(f"{options.seed} {options.inside} {number}"))
                except Exception as error:
                    tried = 1
                    where = traceback.extract_tb(error.__traceback__)[-1]
                    say(failure=f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})")
                if tried == 0:
                    break
                say(tried=1 if tried is None else tried, seconds=time.monotonic() - began)
            who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
            memory = max(resource.getrusage(each).ru_maxrss for each in who) / 1000
            say(figures=attack.figures(), memory=memory)


if __name__ == "__main__":
    sys.exit(main())
