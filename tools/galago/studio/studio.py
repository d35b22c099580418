# SPDX-License-Identifier: MIT
"""What the routes share: the project, and what runs beside it.

studio = Studio(Path("photos"))
studio.start(), studio.close()
"""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galago.errors import GalagoError
from galago.studio.events import Events
from galago.studio.examine import Examiner
from galago.studio.ingest import read_upright
from galago.studio.job import Job
from galago.studio.jobs import Jobs
from galago.studio.models import Models
from galago.studio.orders import Order
from galago.studio.phone import Phone
from galago.studio.ports import Ports
from galago.studio.project import Project
from galago.studio.store import read_json


class Studio:
    """A project that is open."""

    def __init__(self, root: Path) -> None:
        self.events = Events()
        self.project = Project(root, self.events)
        self.examiner = Examiner(self.project, self.events)
        self.models = Models(self.project.work / "models")
        self.ports = Ports(self.events, self.project.work)
        self.jobs = Jobs(self.project.work / "jobs", self.events, self._line, self._end)
        self.phone: Phone | None = None
        """The invitation of phones, if the server lets them in."""
        self._ordering = threading.Lock()

    def start(self) -> None:
        """Starts what runs in the background."""
        self.examiner.start()
        self.jobs.begin()
        self.ports.begin()

    def close(self) -> None:
        """Ends what runs in the background, except jobs, which go on."""
        self.events.close()
        self.examiner.stop()
        self.jobs.close()
        self.ports.close()

    def order(self, order_for: Callable[["Studio", dict[str, Any]], Order], wish: dict[str, Any]) -> Job:
        """Starts a job. Raises what its order raises, and studio.busy."""
        with self._ordering:
            self.jobs.check_free(wish["kind"], wish.get("port"))
            kind, title, order = order_for(self, wish)
            return self.jobs.start(kind, title, order)

    def _line(self, job: Job, line: dict[str, Any]) -> None:
        if line["type"] == "frame":
            file = job.folder / "frames" / Path(str(line["file"])).name
            group = read_json(job.folder / "order.json", {}).get("class", "")
            try:
                self.project.add_photo(group, read_upright(file))
                self.project.touched({group})
            except (GalagoError, OSError):  # the class was deleted meanwhile, or project or disk is full
                job.stop()
            file.unlink(missing_ok=True)

    def _end(self, job: Job) -> None:
        order = read_json(job.folder / "order.json", {})
        if job.row["state"] != "done":
            return
        result, port = job.row["result"] or {}, job.row["port"]
        if order.get("frozen") and job.row["kind"] != "sweep":  # its models are measured when they are taken
            shutil.rmtree(order["frozen"], ignore_errors=True)
        if job.row["kind"] == "flash":
            self.ports.learn(port, board=result["board"], model=result["place"].rsplit("/", 1)[-1])
        elif job.row["kind"] == "doctor":
            self.ports.learn(port, board=result.get("board"), micropython=result.get("micropython"))
        elif job.row["kind"] == "rollback":
            self.ports.learn(port, model=result["place"].rsplit("/", 1)[-1])
        elif result.get("model"):
            self.events.publish("model", id=result["model"])
