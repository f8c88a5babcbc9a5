"""Folders of priors: shipped, on this machine, or fetched from the Hugging Face hub."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from keyhole.nn import taef2
from keyhole.priors.networks import choose_weights, read_config
from keyhole.service.errors import UsageError, warn_of_folder_named_alike

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the priors in the package, one directory for each, with its card."""
CARD = "card.json"
_AUTOENCODERS = ("vae", "vqvae")
PARTS = (*_AUTOENCODERS, "unet", "scheduler")
"""Folders that are read; ``text_encoder/`` and ``tokenizer/`` only where a text is given."""
LAYOUT = "a diffusers directory: vae/ (or vqvae/), and for diffusion attacks unet/ and scheduler/"
_CONFIG, _INDEX = "config.json", "model_index.json"
_SINGLE = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
_FACTS = (_CONFIG, "scheduler_config.json", taef2.ENCODER, taef2.DECODER)
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
    if name in shipped_priors():
        warn_of_folder_named_alike("prior", name)
        return SHIPPED / name
    path = Path(name).expanduser()
    if path.is_dir():
        return _snapshot(path)
    if path.is_file():
        raise UsageError(f"--prior {name}: a file, expected {LAYOUT}. {_conversion(path)}")
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        raise UsageError(f"--prior {name}: no such prior; expected {_expected()}")
    return fetch(name)


def is_extension(name: str | None) -> bool:
    """Whether a prior's name is that of a class of one's own, ``package.module:Class``, and of no file here.

    >>> is_extension("mine.priors:Faces"), is_extension("streetcam")
    (True, False)
    """
    return name is not None and ":" in name and not Path(name).expanduser().exists()


def shipped_priors() -> tuple[str, ...]:
    """Names of the priors that come with the package."""
    return tuple(sorted(card.parent.name for card in SHIPPED.glob(f"*/{CARD}")))


def _expected() -> str:
    names = ", ".join(shipped_priors()) or "there is none"
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


def component(folder: Path, *names: str, kinds: Collection[str] = ()) -> Path:
    """The folder of a prior's component: the first of ``names`` that exists, or the prior's own folder where it holds
    nothing but a component of one of the classes ``kinds``.

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
    return str(read_config(folder / _CONFIG).get("_class_name", "")) if (folder / _CONFIG).is_file() else ""


def _seen(folder: Path) -> Iterator[str]:
    """Sentences on what a folder holds instead of a prior."""
    index = read_config(folder / _INDEX) if (folder / _INDEX).is_file() else {}
    components = {name: value[1] for name, value in index.items() if isinstance(value, list) and len(value) == 2}
    if components:
        listed = ", ".join(f"{name} ({kind})" for name, kind in components.items() if kind)
        yield f"it is a {index.get('_class_name')} of {listed}"
    elif alone := _class(folder):
        yield f"it holds {alone} alone"
    below = sorted(path.parent for name in _AUTOENCODERS for path in folder.glob(f"*/{name}") if path.is_dir())
    if below:
        yield f"did you mean {below[0]}?"
    files = sorted(path for path in folder.iterdir() if path.suffix in _SINGLE)
    if files and not components:
        yield f"it holds {files[0].name}. {_conversion(files[0])}"


def fingerprint(folder: Path, more: Sequence[str] = ()) -> str:
    """Twelve hex digits that change with the prior: of the names, sizes and first megabytes of its files.

    Args:
        folder: of the prior.
        more: folders in it that count besides `PARTS`.
    """
    digest = hashlib.sha256()
    for name in (*PARTS, *more, *("." * bool(_class(folder)))):
        for file in sorted(path for path in (folder / name).glob("*") if path.is_file()):
            digest.update(f"{name}/{file.name} {file.stat().st_size}".encode())
            with file.open("rb") as content:
                digest.update(content.read(_MEGABYTE))
    return digest.hexdigest()[:12]


def fetch(name: str) -> Path:
    """The folder of a prior in the hub's cache; what is not there is fetched, and announced on standard error.

    Args:
        name: ``owner/name``.

    Raises:
        UsageError: it is not in the cache and cannot be fetched.
    """
    import huggingface_hub as hub  # noqa: PLC0415

    try:
        folder = Path(hub.snapshot_download(name, local_files_only=True))
        if _complete(folder):
            return folder
    except (OSError, ValueError):
        pass
    try:
        listed = hub.HfApi().model_info(name, files_metadata=True).siblings or []
        files = prior_files({file.rfilename: file.size or 0 for file in listed})
        print(
            f"--prior {name}: fetching {len(files)} files, {sum(files.values()) / 1e9:.2f} GB, from huggingface.co",
            file=sys.stderr,
        )
        return Path(hub.snapshot_download(name, allow_patterns=list(files)))
    except Exception as error:  # whatever the hub's HTTP library of the day raises
        raise UsageError(
            f"--prior {name}: no such folder, not in the hub's cache, and the hub did not give it ({error}). Put a "
            "diffusers directory (vae/, unet/, scheduler/) somewhere and name its path, or fill the cache where there "
            f"is a connection: hf download {name}"
        ) from error


def prior_files(sizes: Mapping[str, int]) -> dict[str, int]:
    """The files that a prior is loaded from: of each network one format and precision, no text encoder.

    Args:
        sizes: of all files of a repository, in bytes, by name.

    >>> prior_files({"vae/config.json": 1, "unet/diffusion_pytorch_model.ckpt": 9, "README.md": 2})
    {'vae/config.json': 1}
    """
    inside = [part for part in PARTS if any(name.startswith(f"{part}/") for name in sizes)]
    found: dict[str, int] = {}
    for place in [f"{part}/" for part in inside] or [""]:
        here = [name.removeprefix(place) for name in sizes if name.startswith(place)]
        weights = choose_weights(here)
        kept = [*(name for name in here if name in _FACTS), *(weights.names if weights else ())]
        found |= {place + name: sizes[place + name] for name in kept}
    return found


def _complete(folder: Path) -> bool:
    """Whether a prior is there: an autoencoder and a U-Net, or an autoencoder alone."""
    alone = any((folder / name).is_file() for name in _FACTS)
    return alone or (any((folder / name).is_dir() for name in _AUTOENCODERS) and (folder / "unet").is_dir())
