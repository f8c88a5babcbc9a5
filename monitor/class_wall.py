"""The wall of classes: what an adversary with the whole classifier made of each, and whom that shows."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from keyhole.judge.class_verdict import ClassVerdict
from keyhole.v1.referee_pb2 import ClassPicture, RecallStatus, Roster
from keyhole.v1.tensor_pb2 import Picture
from monitor.scoring import Listener

CLASSES, PRIVATE = "~classes", "~private"
"""In the place of a frame id, which begins with a letter or digit: pictures made of classes, private ones of them."""
Verdicts = tuple[ClassVerdict, ...]


class ClassKey(NamedTuple):
    """Whose picture of which class of which classifier."""

    model_hash: str
    attack: str
    label: int

    @classmethod
    def of(cls, picture: ClassPicture) -> ClassKey:
        """The key of a picture."""
        return cls(picture.model_hash, picture.attack, picture.label)

    @property
    def word(self) -> str:
        """As an address of the page names it."""
        return f"{self.model_hash}-{self.attack}-{self.label}"


@dataclass(frozen=True)
class PicturedClass:
    """What an attack made of a class so far.

    Attributes:
        picture: its newest picture.
        version: changes with the picture.
        verdicts: of the judges that know the class, of a final picture; None: nobody has been asked yet.
    """

    picture: ClassPicture
    version: int
    verdicts: Verdicts | None = None

    @property
    def key(self) -> ClassKey:
        """Whose picture it is."""
        return ClassKey.of(self.picture)


@dataclass(frozen=True)
class WallSnapshot:
    """The wall at one moment.

    Attributes:
        status: as the adversary said last; None: it has said nothing in this life of the monitor.
        made: by class, what the attack made of it.
        floor: by class, the public picture that stands beside it.
        private: classes that there is a private picture of to show.
        attack: that makes the pictures; empty: nobody has said.
        judges: names of those who are asked, or were in an earlier life of the run.
        judging: what the judges do, or why there is none; empty: they are ready.
        unjudged: nobody can be asked in this life.
    """

    status: RecallStatus | None
    made: Mapping[int, PicturedClass]
    floor: Mapping[int, PicturedClass]
    private: frozenset[int]
    attack: str
    judges: tuple[str, ...]
    judging: str
    unjudged: bool

    @property
    def names(self) -> dict[int, str]:
        """The classes by number, in order: those that are wanted, else those that there are pictures of."""
        if self.status is not None and self.status.classes:
            return {each.label: each.name for each in self.status.classes}
        return {label: self.made[label].picture.name for label in sorted(self.made)}

    def recognised(self, judge: str, *, floor: bool = False) -> tuple[int, int]:
        """How many final pictures a judge takes for the class that was meant, and how many it was asked about."""
        entries = (self.floor if floor else self.made).values()
        asked = [found for entry in entries for found in entry.verdicts or () if found.judge == judge]
        return sum(found.recognised for found in asked), len(asked)

    def among(self, judge: str) -> int | None:
        """Among how many classes a judge decides, one of which guessing gets; None where it was asked nothing."""
        found = (each for entry in self.made.values() for each in entry.verdicts or () if each.judge == judge)
        return next((each.classes for each in found), None)


class ClassWall(Listener):
    """Holds the newest picture of each class and attack, and the verdicts on those that are final.

    Args:
        known: final pictures of an earlier life of the run, with their verdicts.
    """

    def __init__(self, known: Iterable[tuple[ClassPicture, Verdicts | None]] = ()) -> None:
        self._lock = threading.Lock()
        self._version = 0
        self._status: RecallStatus | None = None
        self._entries: dict[ClassKey, PicturedClass] = {}
        self._private: dict[str, bytes] = {}
        self._judges: tuple[str, ...] = ()
        self._judging, self._unjudged = "", False
        for picture, verdicts in known:
            self._entries[ClassKey.of(picture)] = PicturedClass(picture, 0, verdicts)

    @property
    def version(self) -> int:
        """Changes whenever anything does."""
        return self._version

    def announced(self, roster: Roster) -> None:
        status = roster.recall if roster.HasField("recall") else None
        with self._lock:
            self._version += status != self._status
            self._status = status

    def pictured(self, picture: ClassPicture) -> None:
        key = ClassKey.of(picture)
        with self._lock:
            there = self._entries.get(key)
            if there is None or not there.picture.final:
                self._version += 1
                self._entries[key] = PicturedClass(picture, self._version)

    def waiting(self) -> list[PicturedClass]:
        """Final pictures that nobody has been asked about, in the order they came."""
        with self._lock:
            return [entry for entry in self._entries.values() if entry.picture.final and entry.verdicts is None]

    def settle(self, key: ClassKey, verdicts: Verdicts) -> None:
        """Keep what the judges said of a final picture."""
        with self._lock:
            self._version += 1
            self._entries[key] = replace(self._entries[key], verdicts=verdicts)

    def judged_by(self, judges: Sequence[str], judging: str, *, unjudged: bool = False) -> None:
        """Say who judges, what they do meanwhile or why there is none, and whether nobody will."""
        with self._lock:
            self._version += 1
            self._judges, self._judging, self._unjudged = tuple(judges), judging, unjudged

    def show_private(self, name: str, picture: Picture) -> None:
        """Keep a private picture of a class for the page."""
        with self._lock:
            self._version += 1
            self._private[name] = picture.png

    def picture(self, place: str, word: str) -> bytes | None:
        """PNG bytes of a picture of a class, or none.

        Args:
            place: `CLASSES` or `PRIVATE`.
            word: of a `ClassKey`; of a private picture the class's number.
        """
        with self._lock:
            if place == PRIVATE:
                names = self._snapshot().names
                return self._private.get(names.get(int(word), "")) if word.isdecimal() else None
            entries = {key.word: entry for key, entry in self._entries.items()}
            return entries[word].picture.picture.png if word in entries else None

    def snapshot(self) -> WallSnapshot | None:
        """The present; None where no adversary pictures classes and none has."""
        with self._lock:
            return self._snapshot() if self._status is not None or self._entries else None

    def _snapshot(self) -> WallSnapshot:
        status, entries = self._status, list(self._entries.values())
        newest = [entry.picture for entry in entries if not entry.picture.floor][-1:]
        shown = [status] if status is not None and status.model_hash else newest
        model_hash, attack = next(
            ((each.model_hash, each.attack) for each in shown), ("", status.attack if status else "")
        )
        own = [entry for entry in entries if entry.key.model_hash == model_hash]
        made = {entry.key.label: entry for entry in own if entry.key.attack == attack}
        floor = {entry.key.label: entry for entry in own if entry.picture.floor}
        told = (found.judge for entry in made.values() for found in entry.verdicts or ())
        judges = tuple(dict.fromkeys([*self._judges, *told]))
        found = WallSnapshot(status, made, floor, frozenset(), attack, judges, self._judging, self._unjudged)
        return replace(found, private=frozenset(label for label, name in found.names.items() if name in self._private))
