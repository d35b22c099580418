# SPDX-License-Identifier: MIT
"""Renders report.html again from the report.json of model directories, without thumbnails.

python -m galago.report models/*/
"""

import json
import sys
from pathlib import Path

from galago.report.page import page

for argument in sys.argv[1:]:
    report = Path(argument) / "report.json"
    if report.is_file():
        report.with_suffix(".html").write_text(
            page(json.loads(report.read_text(encoding="utf-8")), None), encoding="utf-8"
        )
