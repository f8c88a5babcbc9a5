"""Asks the judge what finished reconstructions give away of their truths' secrets."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

import torch
from torch import Tensor

from keyhole.judge.reader import Reader
from keyhole.judge.reading import identity_rank_1, read_secrets
from keyhole.judge.recovery import Recovery
from keyhole.v1.referee_pb2 import Reconstruction, Truth
from monitor.checks import read_labels, read_picture


class Examiner:
    """What `monitor.referee.Referee` takes as ``examine``. Called from many threads.

    Vehicles are looked up among the truths of the newest frames that were attacked, the frame's own included.

    Args:
        reader: the judge.
        most: frames in the gallery.
        least: vehicles that must be in the gallery before one is looked up in it.
    """

    def __init__(self, reader: Reader, most: int = 200, least: int = 10) -> None:
        self._reader = reader
        self._most = most
        self._least = least
        self._lock = threading.Lock()
        self._gallery: OrderedDict[tuple[str, float], tuple[str, Tensor]] = OrderedDict()

    def __call__(self, truth: Truth, reconstruction: Reconstruction) -> Recovery | None:
        """What is read from the reconstruction; None where it is not the last one or there is nothing to ask."""
        if not reconstruction.final or not truth.HasField("secrets"):
            return None
        labels = read_labels(truth.secrets)
        picture = read_picture(reconstruction.picture)[None]
        recovery = read_secrets(self._reader, picture, [labels])[0]
        if labels.identity:
            self._hang(truth, labels.identity)
            recovery = self._identify(recovery, picture, labels.identity)
        return None if recovery.empty else recovery

    def _hang(self, truth: Truth, identity: str) -> None:
        """Put a truth into the gallery."""
        frame = (truth.frame_id, truth.captured_at)
        if frame in self._gallery:
            return
        embedding = self._reader.embed(read_picture(truth.picture)[None])[0]
        with self._lock:
            self._gallery[frame] = (identity, embedding)
            while len(self._gallery) > self._most:
                self._gallery.popitem(last=False)

    def _identify(self, recovery: Recovery, picture: Tensor, identity: str) -> Recovery:
        with self._lock:
            hung = list(self._gallery.values())
        numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in hung))}
        if len(numbers) < self._least or identity not in numbers:
            return recovery
        share = identity_rank_1(
            self._reader.embed(picture),
            torch.tensor([numbers[identity]]),
            torch.stack([embedding for _, embedding in hung]),
            torch.tensor([numbers[name] for name, _ in hung]),
        )
        return replace(recovery, identified=share == 1, gallery=len(numbers))
