# SPDX-License-Identifier: MIT
"""galago sign: a signature that tells whose model it is."""

from pathlib import Path
from typing import Annotated

import typer

from galago.cli.model import MODEL_HELP, open_model
from galago.errors import GalagoError


def sign(
    model: Annotated[str | None, typer.Argument(help=MODEL_HELP)] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Sign with this private key (Ed25519, PEM).")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check a signature with this public key.")
    ] = None,
    new_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Make a key: FILE, to keep secret, and FILE.pub.")
    ] = None,
) -> None:
    """Sign a model directory, so that others can check that it comes from you and is complete.

    The signature, model.sig, covers every file of the directory. With FILE.pub, which you give away, others
    check it: galago flash --require-signature FILE.pub. Needs the extra `sign`; in a clone:
    pip install -e '.[sign]'.
    """
    from galago.models import keys, signature

    if [key, check, new_key].count(None) != 2 or (model is None) != (new_key is not None):
        raise GalagoError(
            "usage", "expected MODEL --key FILE, MODEL --check FILE.pub, or --new-key FILE alone: use one"
        )
    if new_key:
        print(f"{new_key} signs: keep it secret; {keys.new(new_key)} checks: give it away")
        return
    assert model is not None
    directory = open_model(model).path
    if key:
        print(f"{signature.sign(directory, key)}: signed with {key}")
    elif check:
        signature.verify(directory, check)
        print(f"{directory}: every file is as the owner of {check} signed it")
