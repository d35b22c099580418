# SPDX-License-Identifier: MIT
"""Signatures of model directories: `model.sig`, Ed25519 over the hashes of all files.

signature.sign(model.path, Path("my.key"))
signature.verify(model.path, Path("my.key.pub"))    # GalagoError model.signature unless all is as signed

`model.sig` is text. What is signed are all its lines but the last; a directory has exactly one such text:

    galago signature 1
    key <the public key: 64 hexadecimal digits>
    <SHA-256 of a file: 64 hexadecimal digits>  <its path>      a line per file, sorted by path
    ed25519 <the signature: Base64>
"""

import base64
import hashlib
import re
from pathlib import Path

from galago.errors import GalagoError
from galago.models import keys

FILE = "model.sig"
_FORM = re.compile(
    r"(?P<signed>galago signature 1\nkey (?P<key>[0-9a-f]{64})\n(?P<files>(?:[0-9a-f]{64}  [^\n]+\n)+))"
    r"ed25519 (?P<signature>[A-Za-z0-9+/]{86}==)\n"
)
_MOST = 1000  # files of a directory
_LARGEST = 1 << 20  # bytes of a signature's file


def sign(directory: Path, key: Path) -> Path:
    """Sign all files of a directory with the private key in the file `key`; return the signature's file.

    Raises GalagoError model.key if the key cannot be used or lies in the directory, model.signature if there
    is what cannot be signed: links, names of more than one line, over a thousand files.
    """
    private = keys.private(key)
    if directory.resolve() in key.resolve().parents:
        raise GalagoError(
            "model.key", f"{key} lies in the model directory, which others get: move the key elsewhere"
        )
    signed = _statement(private.public_key().public_bytes_raw(), _hashes(directory))
    file = directory / FILE
    file.write_bytes(signed + b"ed25519 " + base64.b64encode(private.sign(signed)) + b"\n")
    return file


def verify(directory: Path, key: Path) -> None:
    """Check that a directory has the files that the owner of `key`, a public key's file, signed, and no more.

    Raises GalagoError model.signature if it has not, model.key if the key cannot be used.
    """
    public = keys.public(key)
    raw = public.public_bytes_raw()
    from cryptography.exceptions import InvalidSignature

    parts = _read(directory / FILE)
    if parts["key"] != raw.hex():
        raise _refusal(
            f"{directory / FILE}: expected a signature with the key {raw.hex()[:12]}… of {key}, got one with "
            f"{parts['key'][:12]}…: get the model or the key from its author again"
        )
    try:
        public.verify(base64.b64decode(parts["signature"]), parts["signed"].encode())
    except InvalidSignature:
        raise _refusal(
            f"{directory / FILE} is not what the owner of {key} signed: get the model again"
        ) from None
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in parts["files"].splitlines())}
    _compare(directory, listed)
    if parts["signed"].encode() != _statement(raw, listed):
        raise _refusal(f"{directory / FILE}: expected each file once, sorted by path: sign the model anew")


def _statement(key: bytes, hashes: dict[str, str]) -> bytes:
    """Return what is signed."""
    lines = [f"{digest}  {path}\n" for path, digest in sorted(hashes.items())]
    return f"galago signature 1\nkey {key.hex()}\n{''.join(lines)}".encode()


def _read(file: Path) -> dict[str, str]:
    """Return the parts of a signature's file by their names in _FORM."""
    if not file.is_file():
        raise _refusal(f"{file.parent} has no {FILE}: its author makes one with galago sign")
    with file.open("rb") as stream:
        match = _FORM.fullmatch(stream.read(_LARGEST).decode("utf-8", "replace"))
    if not match:
        raise _refusal(f"{file}: expected what galago sign writes, got another text: get the model again")
    return match.groupdict()


def _compare(directory: Path, listed: dict[str, str]) -> None:
    found = _hashes(directory)
    for path in sorted(found.keys() | listed.keys()):
        if found.get(path) != listed.get(path):
            what = "was added" if path not in listed else "is missing" if path not in found else "differs"
            raise _refusal(f"{directory / path} {what} since the model was signed: get the model again")


def _hashes(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a directory by its path there, without the signature's own."""
    hashes: dict[str, str] = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if name == FILE or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file() or not name.isprintable():
            raise _refusal(f"{path}: expected a file with a name of one line: remove it from the model")
        if len(hashes) == _MOST:
            raise _refusal(f"{directory} has over {_MOST:,} files: keep only those of the model")
        with path.open("rb") as file:
            hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def _refusal(message: str) -> GalagoError:
    return GalagoError("model.signature", message)
