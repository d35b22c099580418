# SPDX-License-Identifier: MIT
"""Signatures of model directories: OpenSSL agrees, every change is refused, before anything is sent."""

import base64
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from galago.cli import app
from galago.errors import GalagoError
from galago.models import keys, signature
from support.requirements import extra_module, requires
from support.tiny_model import make_model

extra_module("cryptography", extra="sign")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "my.key"
    assert keys.new(path) == tmp_path / "my.key.pub"
    assert path.stat().st_mode & 0o777 == 0o600
    return path


@pytest.fixture
def public(key: Path) -> Path:
    return key.with_name("my.key.pub")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "more").mkdir(parents=True)
    for name in ("model.json", "model.tflite", "more/Käse.txt"):
        (folder / name).write_text(name)
    return folder


def openssl(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@requires("openssl", debian="openssl")
def test_openssl_verifies_what_is_signed(directory: Path, key: Path, public: Path, tmp_path: Path) -> None:
    *signed, last = signature.sign(directory, key).read_bytes().splitlines(keepends=True)
    message, value = tmp_path / "message", tmp_path / "value"
    message.write_bytes(b"".join(signed))
    value.write_bytes(base64.b64decode(last.removeprefix(b"ed25519 ")))
    check = ("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-in", message, "-sigfile", value)
    assert b"Verified Successfully" in openssl(*check).stdout
    raw = openssl("pkey", "-pubin", "-in", public, "-outform", "DER").stdout[-32:]
    lines = [f"{hashlib.sha256(name.encode()).hexdigest()}  {name}" for name in _names(directory)]
    assert message.read_text().splitlines() == ["galago signature 1", f"key {raw.hex()}", *lines]


def _names(directory: Path) -> list[str]:
    return sorted(
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and path.name != "model.sig"
    )


@requires("openssl", debian="openssl")
def test_what_openssl_signs_is_accepted(directory: Path, tmp_path: Path) -> None:
    key, public, message, value = (tmp_path / name for name in ("key", "public", "message", "value"))
    openssl("genpkey", "-algorithm", "ed25519", "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", public)
    raw = openssl("pkey", "-pubin", "-in", public, "-outform", "DER").stdout[-32:]
    lines = [f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in _names(directory)]
    message.write_text(f"galago signature 1\nkey {raw.hex()}\n{''.join(lines)}")
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message, "-out", value)
    last = b"ed25519 " + base64.b64encode(value.read_bytes()) + b"\n"
    (directory / "model.sig").write_bytes(message.read_bytes() + last)
    signature.verify(directory, public)
    assert signature.sign(directory, key).read_bytes() == message.read_bytes() + last, "it is deterministic"


def _change(name: str) -> Callable[[Path], None]:
    def change(directory: Path) -> None:
        data = bytearray((directory / name).read_bytes())
        data[len(data) // 2] ^= 1
        (directory / name).write_bytes(data)

    return change


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file differs": _change("more/Käse.txt"),
    "the contract differs": _change("model.json"),
    "a file was added": lambda folder: (folder / "CARD.md").touch(),
    "a file is missing": lambda folder: (folder / "model.tflite").unlink(),
    "a file was renamed": lambda folder: (folder / "model.json").rename(folder / "other.json"),
    "a file is a link": lambda folder: (folder / "link").symlink_to("/etc/passwd"),
    "a name of two lines": lambda folder: (folder / "a\nb").touch(),
    "the signature differs": _change("model.sig"),
    "no signature": lambda folder: (folder / "model.sig").unlink(),
    "an empty signature": lambda folder: (folder / "model.sig").write_bytes(b""),
    "a signature cut short": lambda folder: (folder / "model.sig").write_bytes(
        (folder / "model.sig").read_bytes()[:-1]
    ),
    "text after it": lambda folder: (folder / "model.sig").open("a").write("more\n"),
    "a signature of other bytes": lambda folder: (folder / "model.sig").write_bytes(b"\xff" * 3_000_000),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_refused(directory: Path, key: Path, public: Path, change: str) -> None:
    signature.sign(directory, key)
    signature.verify(directory, public)
    CHANGES[change](directory)
    with pytest.raises(GalagoError) as caught:
        signature.verify(directory, public)
    assert caught.value.code == "model.signature"
    assert str(directory) in caught.value.message


def test_a_valid_signature_of_another_form_is_refused(directory: Path, key: Path, public: Path) -> None:
    """There is one signed text for a directory: the owner's own key does not make another one valid."""
    file = signature.sign(directory, key)
    head, label, *lines, _ = file.read_bytes().splitlines(keepends=True)
    for form in (lines[::-1], [*lines, lines[-1]]):
        signed = b"".join([head, label, *form])
        value = base64.b64encode(keys.private(key).sign(signed))
        file.write_bytes(signed + b"ed25519 " + value + b"\n")
        with pytest.raises(GalagoError, match="each file once") as caught:
            signature.verify(directory, public)
        assert caught.value.code == "model.signature"


def test_another_key_is_refused(directory: Path, key: Path, public: Path, tmp_path: Path) -> None:
    other = keys.new(tmp_path / "other.key")
    file = signature.sign(directory, key)
    with pytest.raises(GalagoError, match="expected a signature with the key"):
        signature.verify(directory, other)
    file.write_text(
        file.read_text().replace(
            keys.public(public).public_bytes_raw().hex(), keys.public(other).public_bytes_raw().hex()
        )
    )
    with pytest.raises(GalagoError, match="not what the owner of"):
        signature.verify(directory, other)


def test_files_that_are_no_keys_are_refused(directory: Path, key: Path, public: Path) -> None:
    (directory / "inside.key").write_bytes(key.read_bytes())
    wrong = key.with_name("wrong")
    wrong.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    for path in (
        public,
        wrong,
        directory,
        key.with_name("none"),
        directory / "inside.key",
    ):
        with pytest.raises(GalagoError) as caught:
            signature.sign(directory, path)
        assert caught.value.code == "model.key"
    with pytest.raises(GalagoError, match="/dev/zero is a device") as caught:
        signature.sign(directory, Path("/dev/zero"))
    assert caught.value.code == "file.access"
    for path in (key, wrong, directory):
        with pytest.raises(GalagoError) as caught:
            signature.verify(directory, path)
        assert caught.value.code == "model.key"
    for path, reason in ((key, "exists"), (Path(), "name of a new file"), (Path("/"), "name of a new file")):
        with pytest.raises(GalagoError, match=reason) as caught:
            keys.new(path)
        assert caught.value.code == "model.key"


def test_nothing_is_sent_to_a_board_before_the_check(tmp_path: Path, key: Path, public: Path) -> None:
    model = make_model(tmp_path, "tiny", 1)
    flash = ["flash", str(model.path), "--port", "/dev/none", "--require-signature", str(public)]
    refused = CliRunner().invoke(app, flash).exception
    assert isinstance(refused, GalagoError)
    assert refused.code == "model.signature"
    done = CliRunner().invoke(app, ["sign", str(model.path), "--key", str(key)])
    assert done.exit_code == 0, done.output
    assert CliRunner().invoke(app, ["sign", str(model.path), "--check", str(public)]).exit_code == 0
    refused = CliRunner().invoke(app, flash).exception
    assert isinstance(refused, GalagoError)
    assert refused.code == "port.missing", "the signature is right, and now the board is looked for"
    refused = CliRunner().invoke(app, [*flash, "--rollback"]).exception
    assert isinstance(refused, GalagoError)
    assert refused.code == "usage"


def test_the_extra_is_named(directory: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(GalagoError, match=r"\[sign\]") as caught:
        signature.sign(directory, key)
    assert caught.value.code == "config.missing"
