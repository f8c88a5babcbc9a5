"""Asks the judge what finished reconstructions give away of their truths' secrets."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

from torch import Tensor

from keyhole.data.secrets import SecretLabels
from keyhole.judge.enrolment import Enrolment, streetcam_views
from keyhole.judge.reader import Reader
from keyhole.judge.reading import identity_rank_1, read_secrets
from keyhole.judge.recovery import Recovery


class Examiner:
    """What `monitor.referee.Referee` takes as ``examine``. Called from many threads.

    Vehicles are looked up among those of the newest frames that were attacked, by pictures of other occasions.

    Args:
        reader: the judge.
        enrolment: gives those pictures.
        most: vehicles in the gallery.
        least: vehicles that must be in the gallery before one is looked up in it.
    """

    def __init__(
        self, reader: Reader, enrolment: Enrolment = streetcam_views, most: int = 200, least: int = 10
    ) -> None:
        self._reader = reader
        self._enrolment = enrolment
        self._most = most
        self._least = least
        self._lock = threading.Lock()
        self._gallery: OrderedDict[str, Tensor] = OrderedDict()

    def __call__(self, labels: SecretLabels, reconstruction: Tensor) -> Recovery | None:
        """What is read from a finished reconstruction; None where there is nothing to ask.

        Args:
            labels: of the truth's secrets.
            reconstruction: RGB, 3×H×W in [0, 1].
        """
        pictures = reconstruction[None]
        recovery = read_secrets(self._reader, pictures, [labels])[0]
        if labels.identity and self._enrolled(labels.identity):
            recovery = self._identify(recovery, pictures, labels.identity)
        return None if recovery.empty else recovery

    def _enrolled(self, identity: str) -> bool:
        """Whether a vehicle is in the gallery, where it is put if there are pictures of it."""
        if identity in self._gallery:
            return True
        views = self._enrolment(identity)
        if views is None:
            return False
        embeddings = self._reader.embed(views)
        with self._lock:
            self._gallery[identity] = embeddings
            while len(self._gallery) > self._most:
                self._gallery.popitem(last=False)
        return True

    def _identify(self, recovery: Recovery, pictures: Tensor, identity: str) -> Recovery:
        with self._lock:
            gallery = dict(self._gallery)
        if len(gallery) < self._least or identity not in gallery:
            return recovery
        share = identity_rank_1(self._reader.embed(pictures), [identity], gallery)
        return replace(recovery, identified=share == 1, gallery=len(gallery))
