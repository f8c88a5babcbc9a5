"""Headings, colours and order of attacks wherever they are shown."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

from keyhole.attacks import FLOOR
from keyhole.attacks.registry import ONLINE

BLIND = FLOOR
"""The attacker that sees no frame."""
_OTHERS = ("#c2a83e", "#7d8ff0", "#d0763f", "#8fae3a", "#c46fc9")
_GENERATORS = ("pixels", "decoder", "diffusion")
_KINDS = ("white", "black", "ladder")
_RUNGS = ("", "amortised", "refined")
_NAME = re.compile(rf"(?P<generator>.+?)-(?P<kind>{'|'.join(_KINDS)})(?:-(?P<recipe>[^.]+))?(?:\.(?P<rung>.+))?")


def is_blind(name: str) -> bool:
    """Whether a name is the blind attacker's, or that of one of its pictures.

    >>> is_blind("blind"), is_blind("blind.mean"), is_blind("pixels-white")
    (True, True, False)
    """
    return name.partition(".")[0] == FLOOR


def in_order(names: Iterable[str]) -> list[str]:
    """Attacks by generator, white box before black box, plain before other recipes, rung after rung; blind ones last.

    >>> in_order(["decoder-white", "pixels-black", "pixels-white-guided", "pixels-white"])
    ['pixels-white', 'pixels-white-guided', 'pixels-black', 'decoder-white']
    """
    return sorted(set(names), key=_place)


def title(name: str, knowledge: str) -> str:
    """A heading for an attack; its name where ``knowledge`` ("white box", "black box") is empty.

    >>> title("pixels-white", "white box")
    'White box · pixels'
    >>> title("diffusion-white-guided", "white box"), title("decoder-ladder.refined", "white box")
    ('White box · diffusion, guided', 'White box · decoder ladder, refined')
    """
    if not knowledge:
        return name
    generator, kind, recipe, rung = _parts(name)
    if is_blind(name):
        return "Blind attacker"
    ladder = " ladder" if kind == "ladder" else ""
    return f"{knowledge[:1].upper()}{knowledge[1:]} · {', '.join(filter(None, (generator + ladder, recipe, rung)))}"


def colour(name: str) -> str:
    """A colour of the attack's own, legible on dark and light."""
    known = FLOOR if is_blind(name) else name
    own = ONLINE[known].colour if known in ONLINE else ""
    return own or _OTHERS[zlib.crc32(name.encode()) % len(_OTHERS)]


def _parts(name: str) -> tuple[str, str, str, str]:
    """Generator, kind, recipe and rung; of a name of another form the name alone."""
    found = _NAME.fullmatch(name)
    if found is None:
        return name, "", "", ""
    return found["generator"], found["kind"], found["recipe"] or "", found["rung"] or ""


def _place(name: str) -> tuple[int, str, int, str, int, str]:
    generator, kind, recipe, rung = _parts(name)
    if is_blind(name):
        return (len(_GENERATORS) + 1, name, 0, "", 0, "")
    return (_index(_GENERATORS, generator), generator, _index(_KINDS, kind), recipe, _index(_RUNGS, rung), rung)


def _index(known: tuple[str, ...], name: str) -> int:
    return known.index(name) if name in known else len(known)
