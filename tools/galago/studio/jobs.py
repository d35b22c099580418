# SPDX-License-Identifier: MIT
"""The table of jobs: processes that neither a closed browser nor a killed server ends.

jobs = Jobs(project.work / "jobs", events)
job = jobs.start("train", "Training", order)
jobs.control(job.id, "pause")
"""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galago.errors import GalagoError
from galago.studio.events import Events
from galago.studio.job import Job
from galago.studio.ports import EMULATED
from galago.studio.store import read_json

_INTERVAL = 0.15  # seconds between two looks at what jobs have written
_GRACE = 10.0  # seconds that a job has to end by itself
_GRACE_OF_SWEEP = 60.0  # the same for one whose workers remove their files
_KEPT = 40  # jobs that have ended
TRAINING = ("train", "quick", "sweep")
_CAN = {"pause": ("train", "quick"), "resume": TRAINING}  # Ray's workers cannot be held
OnLine = Callable[[Job, dict[str, Any]], None]


class Jobs:
    """All jobs of a project.

    `on_line` is called with each line of a job and `on_end` with each that has ended, in the watching thread.
    """

    def __init__(self, folder: Path, events: Events, on_line: OnLine, on_end: Callable[[Job], None]) -> None:
        self._folder, self._events = folder, events
        self._on_line, self._on_end = on_line, on_end
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._deadlines: dict[str, float] = {}
        self._stopping = threading.Event()
        found = [Job.found(path) for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        for job in sorted((job for job in found if job), key=lambda job: job.row["started"]):
            self._jobs[job.id] = job
        self._thread = threading.Thread(target=self._watch, name="jobs", daemon=True)

    def begin(self) -> None:
        """Starts to watch. The emulated board has ended with the server before: so do the jobs on it."""
        for job in self._jobs.values():
            if job.active and job.row["port"] == EMULATED:
                job.stop()
        self._thread.start()

    def close(self) -> None:
        """Ends the watching, not the jobs."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def rows(self) -> list[dict[str, Any]]:
        """Returns what a page shows of all jobs, the newest first."""
        with self._lock:
            return [shown(job) for job in reversed(self._jobs.values())]

    def get(self, job_id: str) -> Job:
        """Returns a job. Raises studio.missing."""
        with self._lock:
            if job_id not in self._jobs:
                raise GalagoError("studio.missing", "no job with this id: reload the page")
            return self._jobs[job_id]

    def on_port(self, port: str) -> str | None:
        """Returns the id of the job that uses a port."""
        with self._lock:
            return next((j.id for j in self._jobs.values() if j.active and j.row["port"] == port), None)

    def start(self, kind: str, title: str, order: dict[str, Any]) -> Job:
        """Starts a job. Raises studio.busy: one training at a time, and one job for each board."""
        with self._lock:
            self.check_free(kind, order.get("port"))
            job = Job.create(self._folder, kind, title, order)
            self._jobs[job.id] = job
            job.start()
            self._forget()
        self._publish(job)
        return job

    def control(self, job_id: str, action: str) -> Job:
        """Pauses, resumes or stops a job. Raises studio.missing, studio.busy, studio.request."""
        with self._lock:
            job = self.get(job_id)
            state = job.row["state"]
            kind = job.row["kind"]
            if action in _CAN and kind not in _CAN[action]:
                raise GalagoError(
                    "studio.request", f"{job.row['title']} cannot {action}: stop it, or start anew"
                )
            if action == "pause" and state == "running":
                job.pause()
            elif action == "resume" and state in ("paused", "stopped", "failed"):
                if state != "paused":
                    self.check_free(kind, None)
                job.resume()
            elif action == "stop" and job.active:
                job.stop()
                grace = _GRACE_OF_SWEEP if kind == "sweep" else _GRACE
                self._deadlines[job_id] = time.monotonic() + grace
            elif action not in ("pause", "resume", "stop"):
                raise GalagoError("studio.request", f"expected pause, resume or stop, got {action!r:.20}")
        self._publish(job)
        return job

    def look(self) -> None:
        """Takes what jobs have written, and tells the pages."""
        with self._lock:
            active = [job for job in self._jobs.values() if job.active]
        for job in active:
            with self._lock:
                gone = not job.alive
                lines = job.news()
                ended = gone and not lines and job.finish()
                late = self._deadlines.get(job.id, float("inf")) < time.monotonic()
                if late and not ended:
                    job.stop(force=True)
                if ended:  # nobody sees the end before what follows from it
                    self._on_end(job)
            for line in lines:
                if line["type"] != "progress":
                    self._on_line(job, line)
                    self._events.publish("line", job=job.id, line=line)
            if ended:
                self._deadlines.pop(job.id, None)
            if ended or any(line["type"] == "progress" for line in lines):
                self._publish(job)

    def check_free(self, kind: str, port: str | None) -> None:
        """Raises studio.busy if another job has to end first."""
        with self._lock:
            active = [job for job in self._jobs.values() if job.active]
        for job in active:
            if kind in TRAINING and job.row["kind"] in TRAINING:
                raise GalagoError(
                    "studio.busy", f"{job.row['title']} is not finished: wait, or stop it first"
                )
            if port and job.row["port"] == port:
                raise GalagoError("studio.busy", f"{job.row['title']} has the board: wait, or stop it first")

    def check_unused(self, model: str) -> None:
        """Raises studio.busy if a job works with a model."""
        with self._lock:
            active = [job for job in self._jobs.values() if job.active and job.row["model"] == model]
        if active:
            raise GalagoError(
                "studio.busy", f"{active[0].row['title']} needs the model: wait, or stop it first"
            )

    def _watch(self) -> None:
        while not self._stopping.wait(_INTERVAL):
            self.look()

    def _forget(self) -> None:
        over = [job for job in self._jobs.values() if not job.active]
        for job in over[:-_KEPT]:
            del self._jobs[job.id]
            if frozen := read_json(job.folder / "order.json", {}).get("frozen"):
                shutil.rmtree(frozen, ignore_errors=True)
            shutil.rmtree(job.folder, ignore_errors=True)

    def _publish(self, job: Job) -> None:
        self._events.publish("job", job=shown(job))


def shown(job: Job) -> dict[str, Any]:
    """Returns what a page shows of a job."""
    return {key: value for key, value in job.row.items() if key != "pid"}
