"""Priors on the Hugging Face hub."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from keyhole.service.errors import UsageError

_WANTED = re.compile(
    r"(?P<part>vae|vqvae|unet|scheduler)/"
    r"(?:(?P<facts>config\.json|scheduler_config\.json)"
    r"|diffusion_pytorch_model(?:-\d+-of-\d+)?\.(?P<form>safetensors|bin)(?:\.index\.json)?)"
)


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
    """The files that a prior is loaded from: no variants in other precisions, and one format of each network.

    Args:
        sizes: of all files of a repository, in bytes, by name.

    >>> wanted({"vae/config.json": 1, "unet/diffusion_pytorch_model.fp16.safetensors": 9, "README.md": 2})
    {'vae/config.json': 1}
    """
    found = {name: match for name in sizes if (match := _WANTED.fullmatch(name))}
    safe = {match["part"] for match in found.values() if match["form"] == "safetensors"}
    return {name: sizes[name] for name, match in found.items() if match["form"] != "bin" or match["part"] not in safe}


def _complete(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in ("vae", "vqvae")) and (folder / "unet").is_dir()
