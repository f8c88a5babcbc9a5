"""What the demo's progress line says of the scores that came."""

from __future__ import annotations

from keyhole.demo.command import RunProgress
from keyhole.v1.referee_pb2 import Event, Outcome, Score, Truth


def test_each_rung_of_a_ladder_has_its_newest_score() -> None:
    progress = RunProgress()
    assert str(progress) == "waiting for the first reconstruction"
    scores = [
        Score(attack="decoder-ladder", rung="amortised", ssim=0.4),
        Score(attack="pixels-white", ssim=0.7),
        Score(attack="decoder-ladder", rung="refined", ssim=0.6),
        Score(attack="decoder-ladder", rung="amortised", ssim=0.45),
    ]
    events = [Event(truth=Truth()), Event(truth=Truth()), Event(outcome=Outcome()), *(Event(score=s) for s in scores)]
    for event in events:
        progress.count(event)
    assert (progress.sent, progress.finished) == (2, 1)
    assert (
        str(progress) == "decoder-ladder amortised SSIM 0.45  decoder-ladder refined SSIM 0.60  pixels-white SSIM 0.70"
    )
