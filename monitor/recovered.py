"""What a judge read, in words."""

from __future__ import annotations

from collections.abc import Iterator

from keyhole.judge.recovery import GLYPH_CHANCE, Recovery, SecretRecovery


def sentence(found: Recovery) -> str:
    """
    >>> sentence(Recovery(("AB12CD", "AB12CO"), {"hat": ("cap", "cap"), "hair": ("red", "bald")}, True, 30))
    'plate 5 of 6 glyphs · people 1 of 2 · vehicle recognised'
    """
    parts = []
    right, asked = found.glyphs
    if asked:
        parts.append(f"plate {right} of {asked} glyphs")
    if found.attributes:
        hits = sum(true == read for true, read in found.attributes.values())
        parts.append(f"people {hits} of {len(found.attributes)}")
    if found.identified is not None:
        parts.append("vehicle recognised" if found.identified else "vehicle not recognised")
    return " · ".join(parts)


def table(found: SecretRecovery) -> Iterator[tuple[str, float, float, int]]:
    """Rows of a report: secret, share recovered, share by guessing, how often it was asked."""
    if found.glyph_accuracy is not None:
        yield "plate, glyphs", found.glyph_accuracy, GLYPH_CHANCE, found.glyphs
    for name, score in found.attributes.items():
        yield name, score.accuracy, score.majority, score.n
    if found.identity_rank_1 is not None and found.gallery_mean:
        yield "vehicle, rank-1", found.identity_rank_1, 1 / found.gallery_mean, found.identities
