"""What an attacker sees of a design, in words: what a judge reads, the equivalent thumbnail, SSIM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyhole.bench.advice.exposure import SecretExposure
from keyhole.bench.advice.options import Option
from keyhole.bench.advice.wording import listed
from keyhole.metrics.interval import with_interval


def seen_text(option: Option, *, brief: bool = False) -> str:
    """What the strongest attack on each figure got.

    Args:
        option: a design.
        brief: without the secrets, and without what would stand beside the figures.
    """
    if not option.splits:
        return "sends nothing" if option.alone else "shows everything"
    leak = option.exposure.get("ssim")
    parts = [] if brief else list(_secrets(option.secrets))
    if leak:
        ssim = f"SSIM {with_interval(leak.mean, leak.interval, 3)}"
        parts.append(ssim if brief else f"{ssim}, {_by(option, leak.attack)}")
    return "; ".join(parts) or "what was not measured"


def _secrets(secrets: Mapping[str, SecretExposure]) -> Iterator[str]:
    """Those that were read, then, together, those that were not read better than by guessing."""
    shares = {name: found.share for name, found in secrets.items()}
    yield from (f"{name} {share.text()}" for name, share in shares.items() if not share.as_by_guessing)
    if unread := [name for name, share in shares.items() if share.as_by_guessing]:
        yield f"{listed(unread)} no better than by guessing"


def _by(option: Option, attack: str) -> str:
    tried = len(option.attacks)
    return f"by {attack}, " + ("the only attack tried" if tried == 1 else f"the strongest of {tried} attacks")
