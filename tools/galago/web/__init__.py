# SPDX-License-Identifier: MIT
"""A model in the browser, where it computes the bytes that a board computes (docs/web.md).

    export.page(model)          # text of one HTML file that needs nothing else
    export.script(model)        # the same without a page, for other pages
    app.files(model)            # the page as an app that phones install

recording.py    the calls of an inference, as the device's own code makes them
program.py      these calls, with WebAssembly made of the device's viper functions
fast.py         the products among them with SIMD
js/             runs the calls
"""

from pathlib import Path


def js_folder() -> Path:
    """The folder of the JavaScript modules."""
    return Path(__file__).with_name("js")
