# SPDX-License-Identifier: MIT
"""A phone as a camera: a listener of its own in the local network, with a key that expires.

    phone = Phone("192.168.1.7", 8766, "http")
    phone.invite()          # {url, svg, until, https}: the QR code for the screen

The phone may add photos to a class and try the model, nothing else: its application has no other routes.
"""

import datetime
import io
import ipaddress
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

from galago.errors import GalagoError
from galago.resources import cache_dir, install_command
from galago.studio.security import Access

MINUTES = 60
ENTRY = "/phone"
_DAYS = 365  # of a certificate; Apple's systems refuse more than 398


class Phone:
    """The invitation of phones."""

    def __init__(self, address: str, port: int, scheme: str) -> None:
        self.scheme = scheme
        self._place = f"{address}:{port}"
        self._lock = threading.Lock()
        self._until = 0.0
        hosts = {self._place, f"127.0.0.1:{port}", f"localhost:{port}"}
        self.access = Access(hosts, scheme, f"galago-phone-{port}", ENTRY, expired=self._expired)

    def invite(self) -> dict[str, Any]:
        """Returns the address with its key, as text and as a QR code; a new key if the last one expired."""
        import segno

        with self._lock:
            if self._expired():
                self.access.renew()
            self._until = time.time() + 60 * MINUTES
            url = f"{self.scheme}://{self._place}{ENTRY}?token={self.access.token}"
            until = datetime.datetime.fromtimestamp(self._until, datetime.UTC).isoformat(timespec="seconds")
        file = io.BytesIO()
        segno.make(url, error="m").save(
            file, kind="svg", scale=4, border=3, xmldecl=False, dark="#000", light="#fff"
        )
        return {"url": url, "svg": file.getvalue().decode(), "until": until, "https": self.scheme == "https"}

    def _expired(self) -> bool:
        return time.time() >= self._until


def local_address() -> str:
    """Returns this computer's address in the local network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documentation (RFC 5737)
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def certificate(address: str) -> tuple[Path, Path]:
    """Returns a self-signed certificate for an address, and its key, which only this user can read.

    It is made once for each address of this computer, and installed nowhere: the phone asks whether to go on.
    Raises config.missing without cryptography.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
    except ImportError:
        raise GalagoError(
            "config.missing", f"--phone-https needs the package cryptography: {install_command('sign')}"
        ) from None
    folder = cache_dir() / "studio"
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{address}.pem", folder / f"{address}.key"
    if all(path.is_file() and time.time() - path.stat().st_mtime < 0.9 * _DAYS * 86400 for path in paths):
        return paths
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Galago studio")])
    now = datetime.datetime.now(datetime.UTC)
    places = [x509.IPAddress(ipaddress.ip_address(each)) for each in dict.fromkeys((address, "127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_private(
        paths[1],
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return paths


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
