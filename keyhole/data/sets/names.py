"""Data sets for re-identification whose files' names say who is seen, and by which camera."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from keyhole.data.sets.files import Files
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts

JUNK, DISTRACTOR = -1, 0
"""Of Market-1501: detections that are neither good nor bad, without influence on a score; and false ones, which a
search must not find."""


@dataclass(frozen=True)
class Names:
    """Reads a folder for each of ``train``, ``query`` and ``gallery``.

    Attributes:
        tops: names of the folder around them, which may be absent.
        folders: by split.
        pattern: of a file's name without its suffix, with the groups identity, camera and frame.
        example: a name that has it.
        with_junk: whether identities below 1 are `JUNK`, which is left out everywhere, and `DISTRACTOR`, which the
            gallery has under one identity.
    """

    tops: tuple[str, ...]
    folders: Mapping[str, str]
    pattern: str
    example: str
    with_junk: bool = False

    def __call__(self, files: Files) -> Listing:
        """The pictures of all splits.

        Raises:
            MissingError: a folder is not there or holds no pictures.
            UsageError: a name that is not as the owner's are.
        """
        files = files.inside(*self.tops)
        files.need(*self.folders.values())
        entries = []
        for split, folder in self.folders.items():
            for path in files.pictures(folder):
                parsed = re.fullmatch(self.pattern, path.stem)
                if not parsed:
                    raise files.damaged(f"{folder}/{path}", f"expected a name such as {self.example}")
                if not self._is_left_out(int(parsed["identity"]), split):
                    facts = Facts(identity=parsed["identity"], camera=parsed["camera"], frame=int(parsed["frame"]))
                    entries.append(Entry(path.name, split, files.picture(f"{folder}/{path}"), facts))
        return Listing(tuple(entries))

    def _is_left_out(self, identity: int, split: str) -> bool:
        return self.with_junk and (identity == JUNK or (identity == DISTRACTOR and split != "gallery"))
