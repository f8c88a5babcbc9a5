"""Where a prior's files are: on this machine, or on a hub."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from keyhole.priors.hub import fetched
from keyhole.service.errors import UsageError, name_goes_first

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the priors in the package, one directory for each, with its card."""
CARD = "card.json"
PARTS = ("vae", "vqvae", "unet", "scheduler")
"""Folders that are read; ``text_encoder/`` and ``tokenizer/`` may be there and are not."""
LAYOUT = "a diffusers directory: vae/ (or vqvae/), and for diffusion attacks unet/ and scheduler/"
_CONFIG, _INDEX = "config.json", "model_index.json"
_SINGLE = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
_MEGABYTE = 2**20


def prior_folder(name: str | None) -> Path:
    """The directory of a prior.

    Args:
        name: of a shipped prior; a path (``./NAME`` where a shipped one has that name), also of a repository in the
            hub's cache; or ``owner/name`` on the Hugging Face hub, whose files are fetched unless its cache has them.

    Raises:
        UsageError: no name, no such prior, a checkpoint in one file, or the hub cannot be reached.
    """
    if name is None:
        raise UsageError(f"this attack makes pictures through a prior: give --prior PATH|NAME, {_expected()}")
    if name in shipped():
        name_goes_first("prior", name)
        return SHIPPED / name
    path = Path(name).expanduser()
    if path.is_dir():
        return _snapshot(path)
    if path.is_file():
        raise UsageError(f"--prior {name}: a file, expected {LAYOUT}. {_conversion(path)}")
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        raise UsageError(f"--prior {name}: no such prior; expected {_expected()}")
    return fetched(name)


def is_extension(name: str | None) -> bool:
    """Whether a prior's name is that of a class of one's own, ``package.module:Class``, and of no file here.

    >>> is_extension("mine.priors:Faces"), is_extension("streetcam")
    (True, False)
    """
    return name is not None and ":" in name and not Path(name).expanduser().exists()


def shipped() -> tuple[str, ...]:
    """Names of the priors that come with the package."""
    return tuple(sorted(card.parent.name for card in SHIPPED.glob(f"*/{CARD}")))


def _expected() -> str:
    names = ", ".join(shipped()) or "there is none"
    return f"a shipped one ({names}), {LAYOUT}, owner/name on the hub, or package.module:Class"


def _conversion(file: Path) -> str:
    return (
        f"diffusers makes one of a Stable Diffusion checkpoint: StableDiffusionPipeline.from_single_file({str(file)!r})"
        ".save_pretrained(FOLDER)"
    )


def _snapshot(path: Path) -> Path:
    """The newest snapshot, of a repository as the hub's cache keeps it; any other folder as it is."""
    main, kept = path / "refs" / "main", path / "snapshots"
    if main.is_file() and (kept / main.read_text().strip()).is_dir():
        return kept / main.read_text().strip()
    return path


def part(folder: Path, *names: str, kinds: Collection[str] = ()) -> Path:
    """The folder of a prior's component: the first of the named ones that is there, or the prior's own, where that is
    the component alone, of one of these classes.

    Raises:
        UsageError: there is none; the message says what the folder is, as far as that can be told.
    """
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    if _class(folder) in kinds:
        return folder
    missing = " or ".join(f"{name}/" for name in names)
    raise UsageError(f"prior {folder} has no {missing}: {'; '.join([*_seen(folder), f'expected {LAYOUT}'])}")


def _class(folder: Path) -> str:
    return str(config(folder / _CONFIG).get("_class_name", "")) if (folder / _CONFIG).is_file() else ""


def _seen(folder: Path) -> Iterator[str]:
    """What a folder is instead of what was expected."""
    index = config(folder / _INDEX) if (folder / _INDEX).is_file() else {}
    components = {name: value[1] for name, value in index.items() if isinstance(value, list) and len(value) == 2}
    if components:
        listed = ", ".join(f"{name} ({kind})" for name, kind in components.items() if kind)
        yield f"it is a {index.get('_class_name')} of {listed}"
    elif alone := _class(folder):
        yield f"it holds {alone} alone"
    below = sorted(path.parent for name in PARTS[:2] for path in folder.glob(f"*/{name}") if path.is_dir())
    if below:
        yield f"did you mean {below[0]}?"
    files = sorted(path for path in folder.iterdir() if path.suffix in _SINGLE)
    if files and not components:
        yield f"it holds {files[0].name}. {_conversion(files[0])}"


def config(file: Path) -> dict[str, Any]:
    """A configuration of diffusers.

    Raises:
        UsageError: not there, not JSON, or no object.
    """
    try:
        content: Any = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"prior: cannot read {file}: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"prior: {file} is no configuration: expected an object of JSON")
    return content


def fingerprint(folder: Path) -> str:
    """Twelve hex digits that change with the prior: of the names, sizes and first megabytes of its files."""
    digest = hashlib.sha256()
    for name in (*PARTS, *("." * bool(_class(folder)))):
        for file in sorted(path for path in (folder / name).glob("*") if path.is_file()):
            digest.update(f"{name}/{file.name} {file.stat().st_size}".encode())
            with file.open("rb") as content:
                digest.update(content.read(_MEGABYTE))
    return digest.hexdigest()[:12]
