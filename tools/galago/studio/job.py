# SPDX-License-Identifier: MIT
"""One job: its table row, its process, and what the process has written.

job = Job.create(folder, "train", "Training", order)
job.start(); job.pause(); job.resume(); job.stop()
for line in job.news(): ...         # what was written since
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from galago.studio.held_lock import is_held
from galago.studio.naming import new_id
from galago.studio.store import read_json, write_json

KEPT_LINES = 2000
_LARGEST_READ = 4 << 20  # bytes of output that are taken at once
ACTIVE = ("running", "paused")
_ENDS_ITS_OWN = ("sweep",)
"""The kinds whose process ends its children itself, in order: it alone is asked to end."""


class Job:
    """A job in its folder `.galago/jobs/<id>`: order.json, job.json, lines.jsonl, errors.txt, end.json."""

    def __init__(self, folder: Path, row: dict[str, Any]) -> None:
        self.folder, self.row = folder, row
        self.lines: list[dict[str, Any]] = []
        self._read = 0
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._forced = False  # whether it was ended, since it did not end when it was asked to

    @classmethod
    def create(cls, jobs: Path, kind: str, title: str, order: dict[str, Any]) -> "Job":
        """Makes a job's folder; nothing runs yet."""
        job_id = new_id("j")
        row = {
            "id": job_id,
            "kind": kind,
            "title": title,
            "state": "stopped",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "ended": None,
            "phase": None,
            "done": 0,
            "total": 0,
            "seconds_left": None,
            "error": None,
            "result": None,
            "port": order.get("port"),
            "model": order.get("model"),
        }
        job = cls(jobs / job_id, row)
        write_json(job.folder / "order.json", {"kind": kind, "folder": str(job.folder), **order})
        job.save()
        return job

    @classmethod
    def found(cls, folder: Path) -> "Job | None":
        """Returns the job of a folder, with what its process did while no server ran; None if it is none."""
        row = read_json(folder / "job.json", {})
        if row.get("id") != folder.name or not isinstance(row.get("state"), str):
            return None
        job = cls(folder, row)
        for _ in job.news():
            pass
        return job

    @property
    def id(self) -> str:
        """The job's id."""
        return self.row["id"]

    @property
    def active(self) -> bool:
        """Whether it runs, or is paused."""
        return self.row["state"] in ACTIVE

    @property
    def alive(self) -> bool:
        """Whether its process is there, whoever started it."""
        if self._process is not None:
            return self._process.poll() is None
        return is_held(self.folder / "alive")

    def save(self) -> None:
        """Writes the table row."""
        write_json(self.folder / "job.json", self.row)

    def start(self) -> None:
        """Starts its process, in a session of its own: Ctrl-C in the server's terminal is not for it."""
        (self.folder / "end.json").unlink(missing_ok=True)
        self._forced = False
        with (
            (self.folder / "lines.jsonl").open("ab") as out,
            (self.folder / "errors.txt").open("ab") as err,
        ):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "galago.studio.child", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.row |= {"state": "running", "error": None, "ended": None, "pid": self._process.pid}
        self.save()

    def pause(self) -> None:
        """Holds its process, where the system can; elsewhere ends it, to continue from its checkpoint."""
        self.row["state"] = "paused"
        self.save()
        self._signal("SIGSTOP", "SIGTERM")

    def resume(self) -> None:
        """Lets its process go on, or starts it again."""
        if self.row["state"] == "paused" and self.alive:
            self._signal("SIGCONT", "SIGCONT")
            self.row["state"] = "running"
            self.save()
        else:
            self.start()

    def stop(self, force: bool = False) -> None:
        """Asks its process to end; with `force`, ends it. A paused job may have none any more."""
        if not self.alive and self.row["state"] == "paused":
            self.row["state"] = "stopped"
            self.save()
        self._forced = self._forced or force
        self._signal("SIGKILL" if force else "SIGTERM", "SIGTERM")
        self._signal("SIGCONT", "")

    def news(self) -> list[dict[str, Any]]:
        """Takes the lines that were written since the last call, and returns them."""
        path = self.folder / "lines.jsonl"
        new = []
        with suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(self._read)
            data = file.read(_LARGEST_READ)
            end = data.rfind(b"\n") + 1
            self._read += end
            new = [line for line in map(self._take, data[:end].splitlines()) if line]
        self.lines = (self.lines + new)[-KEPT_LINES:]
        return new

    def finish(self) -> bool:
        """Takes over how a process that is gone has ended; returns False if it is only held up by a pause."""
        end = read_json(self.folder / "end.json", {})
        if not end and self.row["state"] == "paused":
            return False  # ended for the pause, or with the computer: `resume` starts it again
        status = self._process.returncode if self._process else None
        if not end and not self._forced and status not in (None, 0, -signal.SIGTERM):
            text = f"its process ended unexpectedly ({status}): free some memory, and resume it"
            end = {"state": "failed", "error": {"code": "studio.job", "message": text}}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.row |= {"state": "stopped", **end, "ended": now, "phase": None, "seconds_left": None}
        self.save()
        return True

    def _take(self, data: bytes) -> dict[str, Any] | None:
        try:
            line = json.loads(data)
        except ValueError:
            return None  # a library's own output
        if not isinstance(line, dict):
            return None
        if line.get("type") == "progress":
            self.row |= {key: line.get(key) for key in ("phase", "done", "total", "seconds_left")}
            return line
        self._number += 1
        return {"n": self._number, **line}

    def _signal(self, name: str, otherwise: str) -> None:
        number = getattr(signal, name, None) or getattr(signal, otherwise, None)
        if number is None or not self.alive:
            return
        with suppress(ProcessLookupError, PermissionError):
            alone = name == "SIGTERM" and self.row["kind"] in _ENDS_ITS_OWN
            if hasattr(os, "killpg") and not alone:
                os.killpg(self.row["pid"], number)
            else:
                os.kill(self.row["pid"], number)
