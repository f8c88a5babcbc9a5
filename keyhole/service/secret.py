"""A secret in a process's settings: given by a file or by the environment, never on the command line."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec

from keyhole.service.errors import UsageError


class Secret(str):
    """A text that no log and no traceback shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"


def read_secret(file: Path) -> Secret:
    """What a file holds, without the end of its last line.

    Raises:
        UsageError: it cannot be read, or holds nothing.
    """
    try:
        secret = Secret(file.read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"expected a file that holds the secret ({error}); the secret itself is for the environment: "
            "everyone on the machine can read the arguments of a process"
        ) from error
    if not secret:
        raise UsageError(f"{file} holds no secret")
    return secret


def make_secret(file: Path) -> bool:
    """Write a random secret that its owner alone can read, unless there is one already.

    Returns:
        Whether it was made.

    Raises:
        UsageError: what is there holds no secret.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        read_secret(file)
        return False
    with os.fdopen(made, "w") as text:
        text.write(f"{secrets.token_urlsafe(24)}\n")
    return True


SecretFile = Annotated[
    Secret,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="FILE",
        instance_from_str=lambda texts: read_secret(Path(texts[0])),
        is_instance=lambda value: isinstance(value, str),
        str_from_instance=lambda value: [repr(value)],
    ),
]
"""The type of a setting whose flag takes a file; its variable of the environment holds the secret itself."""
