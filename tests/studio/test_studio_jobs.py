# SPDX-License-Identifier: MIT
"""How a job has ended, by what ended its process."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from galago.studio.job import Job


@pytest.mark.parametrize(("forced", "state"), [(True, "stopped"), (False, "failed")])
def test_a_process_that_does_not_end_when_asked_is_stopped_all_the_same(
    tmp_path: Path, forced: bool, state: str
) -> None:
    job = Job.create(tmp_path, "monitor", "Live answers", {})
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        job._process = process
        job.row |= {"state": "running", "pid": process.pid}
        if forced:
            job.stop(force=True)
        else:
            os.kill(process.pid, signal.SIGKILL)  # as the system does when memory is short
    assert job.finish()
    assert job.row["state"] == state
    assert bool(job.row["error"]) != forced
