"""Whose pictures a target was trained on, so that no attack is measured on them by mistake."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keyhole.data.classes import STREETCAM
from keyhole.data.sets.catalogue import SETS
from keyhole.service.errors import UsageError
from keyhole.targets.catalogue import DEFENDED, PRUNED, SHIPPED
from keyhole.targets.load import PRETRAINED
from keyhole.targets.settings import ModelSettings

RECORD = "trained_on.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedOn:
    """The identities of a training.

    They are known by a hash of the data set's name and their own, so that a folder of weights does not list people. A
    copy of a data set in which they have other names is not recognised.

    Attributes:
        keys: of the identities; none where nothing is known.
    """

    keys: frozenset[str] = frozenset()

    @classmethod
    def of(cls, spec: str, identities: Iterable[str]) -> TrainedOn:
        """The identities of a data set that is named as for `keyhole.data.open_source`."""
        return cls(frozenset(_key(spec, identity) for identity in identities))

    @classmethod
    def read(cls, folder: Path) -> TrainedOn:
        """What a training left in a folder; empty where it left nothing.

        Raises:
            UsageError: the file is damaged.
        """
        path = folder / RECORD
        try:
            return cls(frozenset(map(str, json.loads(path.read_text(encoding="utf-8"))["identities"])))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} is no record of a training's identities ({error!r}): train again") from error

    @classmethod
    def of_target(cls, settings: ModelSettings) -> TrainedOn:
        """What is known of the target that flags name: the record that lies beside its weights."""
        folder = _folder(settings.target, settings.weights)
        return cls.read(folder) if folder else cls()

    def __or__(self, other: TrainedOn) -> TrainedOn:
        return TrainedOn(self.keys | other.keys)

    def write(self, folder: Path) -> None:
        """Write the record into the folder of a training; nothing where there are no identities."""
        if self.keys:
            text = json.dumps({"identities": sorted(self.keys)}, indent=0)
            (folder / RECORD).write_text(text + "\n", encoding="utf-8")

    def among(self, source: str, labels: Sequence[str | None]) -> list[str]:
        """The labels that name an identity of the training.

        Args:
            source: the pictures' source, as for `keyhole.data.open_source`.
            labels: of its pictures.
        """
        specs = [source] if Path(source).expanduser().exists() else source.split("+")
        return [label for label in labels if label and any(_key(spec, label) in self.keys for spec in specs)]


def warn_of_members(trained: TrainedOn, target: str, source: str, labels: Sequence[str | None]) -> dict[str, int]:
    """Warn where attacked pictures show identities that the target was trained on.

    Args:
        trained: of the target.
        target: its name.
        source: of the pictures.
        labels: of the pictures that are attacked.

    Returns:
        How many pictures, how many of them show such identities and how many identities these are; empty where nothing
        is known of the training.
    """
    if not trained.keys:
        return {}
    members = trained.among(source, labels)
    counts = {"pictures": len(labels), "of_training_identities": len(members), "training_identities": len(set(members))}
    if members:
        _log.warning(
            "%d of the %d attacked pictures of %s show %d identities that %s was trained on: it may leak more of them "
            "than of strangers. Train on the pool private, which no attack is shown (leave --part out), or attack "
            "others",
            *(len(members), len(labels), source, len(set(members)), target),
        )
    return counts


def _key(spec: str, identity: str) -> str:
    name = spec.partition(":")[0]
    home = SETS[name].people_of or name if name in SETS else spec if spec == STREETCAM else ""
    known = f"{home}:{identity}"
    return hashlib.blake2b(known.encode(), digest_size=8).hexdigest()


def _folder(name: str, weights: str | Path | None) -> Path | None:
    """Where the training of a target left its files; None where that is nowhere."""
    if weights and str(weights) != PRETRAINED:
        return Path(weights).expanduser().parent
    prefix, _, rest = name.partition(":")
    path = Path(rest if prefix in (PRUNED, DEFENDED) and rest else name).expanduser()
    shipped = SHIPPED / name
    return next((folder for folder in (shipped, path) if folder.is_dir()), None)
