"""The pictures of a run, as files beside its database."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from pathlib import Path

from keyhole.service.files import replacing
from monitor.validation import TRUTH


class PictureStore:
    """``root/<frame id>/truth.png`` and ``root/<frame id>/<attack>.png`` of at most ``keep`` frames.

    Names are checked where they come in (`monitor.validation`). Used by one thread.

    Args:
        root: folder; made if it is not there. Frames that it holds already are kept, newest first.
        keep: frames, at least 1.
    """

    def __init__(self, root: Path, keep: int) -> None:
        self.root = root
        self._keep = keep
        root.mkdir(parents=True, exist_ok=True)
        self._frames = OrderedDict.fromkeys(folder.name for folder in sorted(root.iterdir(), key=_age))
        self._drop_oldest()

    def begin(self, frame_id: str, png: bytes) -> None:
        """Store a frame's truth; pictures of an earlier frame of that name go."""
        shutil.rmtree(self.root / frame_id, ignore_errors=True)
        (self.root / frame_id).mkdir(parents=True)
        self._frames[frame_id] = None
        self._frames.move_to_end(frame_id)
        self._write(frame_id, TRUTH, png)
        self._drop_oldest()

    def add(self, frame_id: str, attack: str, png: bytes) -> None:
        """Store an attack's newest picture of a frame; nothing happens when the frame is no longer kept."""
        if frame_id in self._frames:
            self._write(frame_id, attack, png)

    def read(self, frame_id: str, name: str) -> bytes | None:
        """PNG bytes, or none if the picture is not kept."""
        try:
            return (self.root / frame_id / f"{name}.png").read_bytes()
        except OSError:
            return None

    def _write(self, frame_id: str, name: str, png: bytes) -> None:
        with replacing(self.root / frame_id / f"{name}.png") as unfinished:
            unfinished.write_bytes(png)

    def _drop_oldest(self) -> None:
        while len(self._frames) > self._keep:
            frame_id, _ = self._frames.popitem(last=False)
            shutil.rmtree(self.root / frame_id, ignore_errors=True)


class BlindPngs:
    """``root/<rung>.png``, what the blind attacker shows of every frame. Used by one thread.

    Args:
        root: folder; made with its first picture.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: dict[str, bytes] = {}

    def add(self, rung: str, png: bytes) -> None:
        """Store a picture, unless it is there."""
        if self._kept.get(rung) != png:
            self._root.mkdir(parents=True, exist_ok=True)
            with replacing(self._root / f"{rung}.png") as unfinished:
                unfinished.write_bytes(png)
            self._kept[rung] = png


def _age(folder: Path) -> tuple[int, str]:
    truth = folder / f"{TRUTH}.png"
    return (truth.stat().st_mtime_ns if truth.exists() else 0), folder.name
