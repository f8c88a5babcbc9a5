"""Scores of a reconstruction: likeness to its truth, what the judge reads of its secrets, and who is told."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from keyhole.data.sample import SecretLabels
from keyhole.judge.reading import Enrolment, SecretReader, identity_rank_1, read_secrets, streetcam_views
from keyhole.judge.recovery import Recovery
from keyhole.metrics.base import Metric
from keyhole.metrics.registry import DEFAULT, metrics_named
from keyhole.v1.referee_pb2 import Account, ClassPicture, Outcome, Reconstruction, Roster, Score, Truth

NO_TRUTH, CROWDED_OUT, UNFIT, REPEATED, ENDED = "no truth", "crowded out", "unfit", "repeated", "monitor ended"
"""Why a reconstruction has no score."""


def scoring_metrics(names: Sequence[str] = ()) -> tuple[Metric, ...]:
    """PSNR and SSIM, on which the alarm and stored runs rest, then those of the names.

    Raises:
        UsageError: no such metric, one of a set of pictures, or its weights are not on this machine.
    """
    return metrics_named((*DEFAULT, *names), scope="picture", flag="--scores")


def score(told: Reconstruction, reconstruction: Tensor, truth: Tensor, metrics: Sequence[Metric]) -> Score:
    """The score of a reconstruction, from its pixels and its truth's; see `similarity`."""
    values = similarity(reconstruction, truth, metrics)
    always = {name: values[name] for name in DEFAULT}
    return Score(frame_id=told.frame_id, attack=told.attack, rung=told.rung, values=values, **always)


def similarity(reconstruction: Tensor, truth: Tensor, metrics: Sequence[Metric]) -> dict[str, float]:
    """Values by metric of two RGB pictures of one size, 3×H×W in [0, 1].

    What can be infinite is cut off at its ceiling, so that it can be averaged: equal pictures have a PSNR of 100 dB.
    A metric that needs larger pictures has no value.

    >>> grey = Tensor(3, 16, 16).fill_(0.5)
    >>> similarity(grey, grey, scoring_metrics())
    {'psnr': 100.0, 'ssim': 1.0}
    """
    got, expected = reconstruction[None], truth[None]
    fitting = (metric for metric in metrics if min(truth.shape[-2:]) >= metric.smallest)
    values = {metric.name: min(metric.scores(got, expected)[0], metric.ceiling) for metric in fitting}
    return {name: value for name, value in values.items() if math.isfinite(value)}


class SecretScorer:
    """Asks the judge what finished reconstructions give away of their truths' secrets. Called from many threads.

    Vehicles are looked up among those of the newest frames that were attacked, by pictures of other occasions.

    Args:
        reader: the judge.
        enrolment: gives those pictures.
        most: vehicles in the gallery.
        least: vehicles that must be in the gallery before one is looked up in it.
    """

    def __init__(
        self, reader: SecretReader, enrolment: Enrolment = streetcam_views, most: int = 200, least: int = 10
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


@dataclass(frozen=True)
class ScoredReconstruction:
    """A reconstruction beside its truth.

    Attributes:
        truth: what the edge saw.
        reconstruction: what the adversary made of the features.
        score: values by metric.
        at: Unix time of the score, seconds.
        recovery: what a judge read of the truth's secrets; None where there is no judge or nothing to ask it.
        waited: the reconstruction came before its truth.
    """

    truth: Truth
    reconstruction: Reconstruction
    score: Score
    at: float
    recovery: Recovery | None = None
    waited: bool = False


class Listener:
    """Is told of all that the referee accepts, from many threads; a frame's truth before its scores.

    One that raises ends the call, and those behind it are not told. Whoever called may then call again.
    """

    def witnessed(self, truth: Truth) -> None:
        """A truth came."""

    def concluded(self, outcome: Outcome) -> None:
        """A frame ended."""

    def settled(self, account: Account) -> None:
        """An edge says what it counted so far."""

    def announced(self, roster: Roster) -> None:
        """An adversary says what it runs."""

    def pictured(self, picture: ClassPicture) -> None:
        """An adversary made a picture of a class; one that is final may come again."""

    def waits(self, reconstruction: Reconstruction) -> None:
        """A reconstruction came before its truth."""

    def judged(self, scored: ScoredReconstruction) -> None:
        """A reconstruction has its score."""

    def unmatched(self, reconstruction: Reconstruction, reason: str) -> None:
        """One that waited will have none."""
