# SPDX-License-Identifier: MIT
"""What a training leaves beside its model: `report.json`, and `report.html`, one file without links.

report.write(model, findings)       # model: the directory; findings: what galago.train found out
"""

import json
from pathlib import Path

from galago.models import ModelDirectory
from galago.report.findings import Exam, Findings, as_dict
from galago.report.page import page

__all__ = ["Exam", "Findings", "as_dict", "page", "write"]


def write(model: ModelDirectory, findings: Findings) -> Path:
    """Writes report.json and report.html into the model directory; gives the page's path."""
    table = as_dict(model, findings)
    (model.path / "report.json").write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    out = model.path / "report.html"
    out.write_text(page(table, findings.exam if findings.thumbnails else None))
    return out
