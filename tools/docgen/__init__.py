# SPDX-License-Identifier: MIT
"""Programs that measure and write the generated pages of docs/. They are not part of the wheel."""
