# SPDX-License-Identifier: MIT
"""Turns what a browser sends into photos: decoded, upright, without metadata, written by this program alone.

for item in unpack(path, "holiday.zip"):        # one file, or those of a zip
    rgb = read_upright(item.path)               # uint8 [h, w, 3]
    write_jpeg(rgb, folder / "p4f9c0a1b2d3e.jpg")

Nothing of the file's own bytes is kept: EXIF with its place and time is gone, and so is whatever else hides
in a picture. The orientation that EXIF names is applied.
"""

import secrets
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps

from galago import pictures
from galago.errors import GalagoError

LARGEST_PHOTO = 64 << 20  # bytes
LARGEST_ZIP = 2 << 30
MOST_FILES = 20_000  # in a zip
MOST_PIXELS = 50_000_000
LONGEST_SIDE = 2048  # pixels of a stored photo; networks see 224 at most
THUMBNAIL = 160
_QUALITY = 95


@dataclass(frozen=True)
class Item:
    """One file that was sent: its name, for messages alone, and where its bytes are."""

    name: str
    folder: str
    """The last folder of its path in a zip, empty outside of one."""
    path: Path | None
    error: GalagoError | None = None


def is_zip(path: Path) -> bool:
    """Whether a file is a zip, by its content."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack(path: Path, name: str) -> Iterator[Item]:
    """Yields the file itself, or each picture of a zip, one at a time in a temporary file beside it.

    Raises studio.zip for a damaged zip, or one with too many files.
    """
    if not is_zip(path):
        yield Item(name, "", path)
        return
    part = path.with_suffix(".member")
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if _is_photo(PurePosixPath(m.filename))]
            if len(members) > MOST_FILES:
                raise GalagoError(
                    "studio.zip",
                    f"{name}: {len(members):,} pictures, a zip may have {MOST_FILES:,}: send it in parts",
                )
            for member in members:
                yield _extracted(archive, member, part)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, EOFError) as error:
        raise GalagoError(
            "studio.zip", f"{name}: not a zip that can be read ({error}): make it anew"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _is_photo(path: PurePosixPath) -> bool:
    return path.suffix.lower() in pictures.SUFFIXES and not any(
        each == "__MACOSX" or (each.startswith(".") and each != "..") for each in path.parts
    )


def _extracted(archive: zipfile.ZipFile, member: zipfile.ZipInfo, part: Path) -> Item:
    path = PurePosixPath(member.filename)
    folder = path.parent.name
    if member.file_size > LARGEST_PHOTO:
        return Item(path.name, folder, None, _too_large(path.name, member.file_size))
    try:
        # The stated size bounds what is read: zipfile stops there, whatever the data would expand to.
        with archive.open(member) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        reason = GalagoError("image.corrupt", f"{path.name}: cannot be unpacked ({error}): zip it again")
        return Item(path.name, folder, None, reason)
    return Item(path.name, folder, part)


def _too_large(name: str, size: int) -> GalagoError:
    return GalagoError(
        "image.size",
        f"{name}: {size / 1e6:.0f} MB, a photo may have {LARGEST_PHOTO / 1e6:.0f} MB: make it smaller",
    )


def read_upright(path: Path) -> np.ndarray:
    """Returns a picture as uint8 [h, w, 3], upright as `pictures.load` gives it, its longer side bounded.

    Raises GalagoError image.* as `pictures.load` does, image.size above `MOST_PIXELS`.
    """
    with pictures.open_with_pillow(path) as image:
        if image.width * image.height > MOST_PIXELS:
            raise GalagoError(
                "image.size",
                f"{image.width} x {image.height} pixels, a photo may have {MOST_PIXELS / 1e6:.0f} million: "
                "make it smaller",
            )
    rgb = pictures.load(path)
    if max(rgb.shape) <= LONGEST_SIDE:
        return rgb
    smaller = Image.fromarray(rgb)
    smaller.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=3)
    return np.asarray(smaller)


def write_jpeg(rgb: np.ndarray, path: Path) -> None:
    """Writes uint8 [h, w, 3] as a JPEG without metadata, in one step."""
    _save(Image.fromarray(rgb), path, quality=_QUALITY, subsampling=0)


def write_thumbnail(source: Path, path: Path) -> None:
    """Writes a small JPEG of a picture, upright. Raises GalagoError image.* as `read_upright` does."""
    small = _drafted(source) or Image.fromarray(read_upright(source))
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    path.parent.mkdir(parents=True, exist_ok=True)
    _save(small, path, quality=80)


def _save(image: Image.Image, path: Path, **options: int) -> None:
    part = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.part")  # two windows may ask for it at once
    try:
        image.save(part, "JPEG", **options)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _drafted(source: Path) -> Image.Image | None:
    """Returns a JPEG decoded at a fraction of its size, which takes a fraction of the time."""
    with pictures.open_with_pillow(source) as image:
        if image.format != "JPEG":
            return None
        image.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
        try:
            return ImageOps.exif_transpose(image).convert("RGB")
        except (OSError, SyntaxError, ValueError, KeyError, TypeError) as error:
            raise GalagoError("image.corrupt", f"{source.name}: {error}: copy it again") from None
