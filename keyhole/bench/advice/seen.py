"""What an attacker sees of a design, in words: what a judge reads, the equivalent thumbnail, SSIM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyhole.bench.advice.exposure import SecretExposure
from keyhole.bench.advice.options import Option
from keyhole.bench.advice.wording import listed, share_text
from keyhole.metrics.interval import with_interval
from keyhole.metrics.thumbnails import Thumbnail


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
    if option.thumbnail:
        parts.append(thumbnail_text(option.thumbnail))
    if leak:
        ssim = f"SSIM {with_interval(leak.mean, leak.interval, 3)}"
        blind = f" ({option.blind.mean:.3f} by the blind attacker)" if option.blind and not brief else ""
        parts.append(ssim if brief else f"{ssim}{blind}, {_by(option, leak.attack)}")
    return (", " if brief else "; ").join(parts) or "what was not measured"


def thumbnail_text(thumbnail: Thumbnail) -> str:
    """An equivalent thumbnail in a sentence.

    >>> thumbnail_text(Thumbnail(20.3, (17.0, 24.4), 128))
    'as sharp as a thumbnail of 20 px [17, 24]'
    >>> thumbnail_text(Thumbnail(0.0, (0.0, 2.1), 128))
    'as sharp as knowing nothing [nothing, 2]'
    >>> thumbnail_text(Thumbnail(128.0, None, 128))
    'as sharp as the picture'
    """
    if thumbnail.side >= thumbnail.full:
        return f"as sharp as {thumbnail.text}"
    if thumbnail.side:
        return f"as sharp as a thumbnail of {thumbnail.text}"
    return f"as sharp as knowing nothing{thumbnail.text.removeprefix(thumbnail.brief)}"


def _secrets(secrets: Mapping[str, SecretExposure]) -> Iterator[str]:
    """Those that were read, then, together, those that were not read better than by guessing."""
    yield from (_read(name, found) for name, found in secrets.items() if not found.share.as_by_guessing)
    if unread := [name for name, found in secrets.items() if found.share.as_by_guessing]:
        yield f"{listed(unread)} no better than by guessing"


def _read(name: str, found: SecretExposure) -> str:
    blind = "" if found.blind is None else f", {share_text(found.blind)} by the blind attacker"
    return f"{name} {share_text(found.mean)} ({share_text(found.guessing)} by guessing{blind})"


def _by(option: Option, attack: str) -> str:
    tried = len(option.attacks)
    return f"by {attack}, " + ("the only attack tried" if tried == 1 else f"the strongest of {tried} attacks")
