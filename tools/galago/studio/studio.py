# SPDX-License-Identifier: MIT
"""What the routes share: the project, and what runs beside it.

studio = Studio(Path("photos"))
studio.start(), studio.close()
"""

from pathlib import Path

from galago.studio.events import Events
from galago.studio.examine import Examiner
from galago.studio.project import Project


class Studio:
    """A project that is open."""

    def __init__(self, root: Path) -> None:
        self.events = Events()
        self.project = Project(root, self.events)
        self.examiner = Examiner(self.project, self.events)

    def start(self) -> None:
        """Starts what runs in the background."""
        self.examiner.start()

    def close(self) -> None:
        """Ends what runs in the background, except jobs, which go on."""
        self.events.close()
        self.examiner.stop()
