"""Figures and designs in words. Names of code stand between backticks."""

from __future__ import annotations

from collections.abc import Sequence

from keyhole.bench.advice.options import UNDEFENDED
from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, Design


def design_text(design: Design) -> str:
    """A design in words, its cut between backticks.

    >>> design_text(Design("resnet18", "layer3.0", "gaussian:scale=0.5", "int8"))
    'cut at `layer3.0`, gaussian:scale=0.5, int8'
    >>> design_text(Design("resnet18", "edge-only", "none", "none"))
    'the whole model on the edge'
    """
    whose = "" if design.defence == UNDEFENDED else f" of {design.defence}"
    if design.cut == EDGE_ONLY:
        return f"the whole model{whose} on the edge"
    if design.cut == CLOUD_ONLY:
        return f"pictures to the cloud{whose} as {design.codec}"
    return f"cut at `{design.cut}`, {'undefended' if design.defence == UNDEFENDED else design.defence}, {design.codec}"


def points_text(number: float, digits: int | None = None) -> str:
    """Points of accuracy in words.

    >>> points_text(1), points_text(0.5), points_text(2.504, 2)
    ('1 point', '0.5 points', '2.50 points')
    """
    shown = f"{number:g}" if digits is None else f"{number:.{digits}f}"
    return f"{shown} point{'' if number == 1 else 's'}"


def milliseconds_text(number: float) -> str:
    """Milliseconds with their unit, with a digit after the point only below ten.

    >>> milliseconds_text(37.6), milliseconds_text(3.76)
    ('38 ms', '3.8 ms')
    """
    return f"{number:.0f} ms" if number >= 10 else f"{number:.1f} ms"


def macs_text(number: float) -> str:
    """Multiply-accumulates in millions, in words.

    >>> macs_text(512_340_000), macs_text(2e3), macs_text(0)
    ('512 M multiply-accumulates', '0.002 M multiply-accumulates', '0 M multiply-accumulates')
    """
    return f"{number / 1e6:.3g} M multiply-accumulates"


def mebibytes_text(number: float) -> str:
    """Bytes in MiB, in words.

    >>> mebibytes_text(3 * 2**20), mebibytes_text(2**18)
    ('3 MiB', '0.25 MiB')
    """
    return f"{number / 2**20:.3g} MiB"


def share_text(share: float) -> str:
    """A share in percent, with a digit after the point only below ten.

    >>> share_text(0.204), share_text(0.0049), share_text(0.05), share_text(1.0)
    ('20 %', '0.5 %', '5 %', '100 %')
    """
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f}".removesuffix(".0") + " %"


def listed(texts: Sequence[str], last: str = "and") -> str:
    """Texts as a list in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b"], "or")
    ('a', 'a, b and c', 'a or b')
    """
    *first, end = texts or [""]
    return f"{', '.join(first)} {last} {end}" if first else end


def capital(text: str) -> str:
    """A text with a capital at its start.

    >>> capital("on LTE")
    'On LTE'
    """
    return text[:1].upper() + text[1:]
