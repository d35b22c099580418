# SPDX-License-Identifier: MIT
"""`media` of CanMV on a K230: its camera, imported here while the host's files are visible."""

from . import media as media
from . import sensor as sensor
