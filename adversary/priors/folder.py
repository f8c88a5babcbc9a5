"""Where a prior's files are: on this machine, or on a hub."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from adversary.priors.hub import fetched
from keyhole.service.errors import UsageError, name_goes_first

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the priors in the package, one directory for each, with its card."""
CARD = "card.json"
PARTS = ("vae", "vqvae", "unet", "scheduler")
"""Folders that are read; ``text_encoder/`` and ``tokenizer/`` may be there and are not."""
LAYOUT = "a diffusers directory: vae/ (or vqvae/), and for diffusion attacks unet/ and scheduler/"
_MEGABYTE = 2**20


def prior_folder(name: str | None) -> Path:
    """The directory of a prior.

    Args:
        name: of a shipped prior; a path (``./NAME`` where a shipped one has that name); or ``owner/name`` on the
            Hugging Face hub, whose files are fetched unless they are in its cache.

    Raises:
        UsageError: no name, no such prior, or the hub cannot be reached.
    """
    if name is None:
        raise UsageError(f"this attack makes pictures through a prior: give --prior PATH|NAME, {_expected()}")
    if name in shipped():
        name_goes_first("prior", name)
        return SHIPPED / name
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        raise UsageError(f"--prior {name}: no such prior; expected {_expected()}")
    return fetched(name)


def shipped() -> tuple[str, ...]:
    """Names of the priors that come with the package."""
    return tuple(sorted(card.parent.name for card in SHIPPED.glob(f"*/{CARD}")))


def _expected() -> str:
    return f"a shipped one ({', '.join(shipped()) or 'there is none'}), {LAYOUT}, or owner/name on the hub"


def part(folder: Path, *names: str) -> Path:
    """The first of the named folders that is in the prior.

    Raises:
        UsageError: there is none.
    """
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    raise UsageError(f"prior {folder} has no {' or '.join(f'{name}/' for name in names)}: expected {LAYOUT}")


def config(file: Path) -> dict[str, Any]:
    """A configuration of diffusers.

    Raises:
        UsageError: not there, or not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"prior: cannot read {file}: {error}") from error
    return content


def fingerprint(folder: Path) -> str:
    """Twelve hex digits that change with the prior: of the names, sizes and first megabytes of its files."""
    digest = hashlib.sha256()
    for name in PARTS:
        for file in sorted(path for path in (folder / name).glob("*") if path.is_file()):
            digest.update(f"{name}/{file.name} {file.stat().st_size}".encode())
            with file.open("rb") as content:
                digest.update(content.read(_MEGABYTE))
    return digest.hexdigest()[:12]
