# SPDX-License-Identifier: MIT
"""Keys that sign model directories: Ed25519 (RFC 8032), in files as OpenSSL reads and writes them (PEM).

public = keys.new(Path("my.key"))           # writes my.key, to keep secret, and my.key.pub, to give away
keys.private(Path("my.key")).sign(data)
keys.public(public).verify(signature, data)

The extra `sign` brings the package `cryptography`, which computes the signatures; all functions raise
GalagoError config.missing without it.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galago import special_files
from galago.errors import GalagoError
from galago.resources import install_command

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_LARGEST = 1 << 14  # bytes; a key takes about 120


def new(path: Path) -> Path:
    """Write a new private key to `path`, readable by its owner only; return the file of its public key.

    Raises GalagoError model.key if one of the two files exists, or `path` is no name of a file.
    """
    serialization, ed25519 = _cryptography()
    if not path.name:
        raise GalagoError("model.key", f"{path}: expected the name of a new file for the key: choose one")
    public_path = path.with_name(path.name + ".pub")
    for file in (path, public_path):
        if os.path.lexists(file):
            raise GalagoError("model.key", f"{file} exists and may be a key in use: choose another name")
    key = ed25519.Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    public_path.write_bytes(
        key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return public_path


def private(path: Path) -> "Ed25519PrivateKey":
    """Read a private key. Raises GalagoError model.key if it cannot be used."""
    serialization, ed25519 = _cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm

    key: Any = None
    try:
        key = serialization.load_pem_private_key(_content(path, "galago sign --new-key makes one"), None)
    except TypeError:
        raise GalagoError(
            "model.key", f"{path} has a password: remove it with openssl pkey -in {path} -out FILE"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        pass
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise GalagoError(
            "model.key", f"{path}: expected a private Ed25519 key in PEM: galago sign --new-key makes one"
        )
    return key


def public(path: Path) -> "Ed25519PublicKey":
    """Read a public key. Raises GalagoError model.key if it cannot be used."""
    serialization, ed25519 = _cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm

    key: Any = None
    with suppress(ValueError, UnsupportedAlgorithm):
        key = serialization.load_pem_public_key(_content(path, "the author of a model gives it away"))
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise GalagoError(
            "model.key", f"{path}: expected a public Ed25519 key in PEM: galago sign --new-key makes FILE.pub"
        )
    return key


def _content(path: Path, hint: str) -> bytes:
    special_files.refuse(path)
    if not path.is_file():
        raise GalagoError("model.key", f"no key {path}: {hint}")
    with path.open("rb") as file:
        return file.read(_LARGEST)


def _cryptography() -> tuple[Any, Any]:
    """Return the modules for keys in files and for Ed25519."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise GalagoError(
            "config.missing", f"signatures need cryptography ({error}): {install_command('sign')}"
        ) from None
    return serialization, ed25519
