"""What the referee tells of all that it accepts."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.judge.recovery import Recovery
from keyhole.v1.referee_pb2 import Account, Outcome, Reconstruction, Score, Truth

NO_TRUTH, CROWDED_OUT, UNFIT, REPEATED, ENDED = "no truth", "crowded out", "unfit", "repeated", "monitor ended"
"""Why a reconstruction has no score."""


@dataclass(frozen=True)
class Case:
    """A reconstruction beside its truth.

    Attributes:
        truth: what the edge saw.
        reconstruction: what the adversary made of the features.
        score: PSNR in dB (peak 1), SSIM.
        at: Unix time of the verdict, seconds.
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
    """Is told of all that the referee accepts, from many threads; a frame's truth before its cases.

    One that raises ends the call, and those behind it are not told. Whoever called may then call again.
    """

    def witnessed(self, truth: Truth) -> None:
        """A truth came."""

    def concluded(self, outcome: Outcome) -> None:
        """A frame ended."""

    def settled(self, account: Account) -> None:
        """An edge says what it counted so far."""

    def waits(self, reconstruction: Reconstruction) -> None:
        """A reconstruction came before its truth."""

    def judged(self, case: Case) -> None:
        """A reconstruction has its score."""

    def unmatched(self, reconstruction: Reconstruction, reason: str) -> None:
        """One that waited will have none."""
