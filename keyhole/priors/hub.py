"""Priors on the Hugging Face hub."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from keyhole.nn import taef2
from keyhole.priors.stored import chosen
from keyhole.service.errors import UsageError

_AUTOENCODERS, _PARTS = ("vae", "vqvae"), ("vae", "vqvae", "unet", "scheduler")
_FACTS = ("config.json", "scheduler_config.json", taef2.ENCODER, taef2.DECODER)


def fetched(name: str) -> Path:
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
        files = wanted({file.rfilename: file.size or 0 for file in listed})
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


def wanted(sizes: Mapping[str, int]) -> dict[str, int]:
    """The files that a prior is loaded from: of each network one format and precision, no text encoder.

    Args:
        sizes: of all files of a repository, in bytes, by name.

    >>> wanted({"vae/config.json": 1, "unet/diffusion_pytorch_model.ckpt": 9, "README.md": 2})
    {'vae/config.json': 1}
    """
    inside = [part for part in _PARTS if any(name.startswith(f"{part}/") for name in sizes)]
    found: dict[str, int] = {}
    for place in [f"{part}/" for part in inside] or [""]:
        here = [name.removeprefix(place) for name in sizes if name.startswith(place)]
        weights = chosen(here)
        kept = [*(name for name in here if name in _FACTS), *(weights.names if weights else ())]
        found |= {place + name: sizes[place + name] for name in kept}
    return found


def _complete(folder: Path) -> bool:
    """Whether a prior is there: an autoencoder and a U-Net, or an autoencoder alone."""
    alone = any((folder / name).is_file() for name in _FACTS)
    return alone or (any((folder / name).is_dir() for name in _AUTOENCODERS) and (folder / "unet").is_dir())
