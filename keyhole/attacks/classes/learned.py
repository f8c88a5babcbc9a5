"""What generators and priors learned from, against the public pictures that an attack's rows show."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from keyhole.priors.folder import is_extension, prior_folder
from keyhole.targets.stored_weights import CARD

_log = logging.getLogger(__name__)
_POOL = ", pool "


def warn_of_other_pictures(folder: Path, spec: str, part: str, where: str) -> None:
    """Warn where a card says that a generator learned from other pictures than the rows of public pictures show: what
    an attack gets above these rows is then not the attack's alone. A card that does not say from which is passed over.

    Args:
        folder: of the generator or prior.
        spec: what the public pictures are called; folders above them are not compared.
        part: of them.
        where: the generator was named, for the message.
    """
    try:
        learned = json.loads((folder / CARD).read_text(encoding="utf-8"))["data"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    data, named, rest = str(learned).partition(_POOL)
    pool = rest.partition(":")[0].strip()
    if named and (_name(data), pool) != (_name(spec), part):
        _log.warning(
            "%s learned from %s, pool %s, and the rows of public pictures show %s, pool %s: what an attack with it "
            "gets above these rows is not its own alone",
            where,
            data,
            pool,
            spec,
            part,
        )


def warn_of_the_priors_pictures(prior: str | None, spec: str, part: str) -> None:
    """`warn_of_other_pictures` for a prior; one of a user's own has no card."""
    if prior and not is_extension(prior):
        warn_of_other_pictures(prior_folder(prior), spec, part, f"--prior {prior}")


def _name(data: str) -> str:
    return data.rstrip("/").rpartition("/")[2]
