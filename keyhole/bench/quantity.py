"""Quantities on the command line: a number, or a share of the model's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec


@dataclass(frozen=True)
class Quantity:
    """How much.

    Attributes:
        number: absolute, or the share.
        of_model: whether it is a share of what the whole model has.
    """

    number: float
    of_model: bool = False

    @property
    def text(self) -> str:
        """As `read_quantity` reads it."""
        return f"{100 * self.number:g}%" if self.of_model else f"{self.number:g}"


def read_quantity(text: str) -> Quantity:
    """The quantity that ``5e8`` or ``40%`` spells.

    >>> read_quantity("40%"), read_quantity("5e8")
    (Quantity(number=0.4, of_model=True), Quantity(number=500000000.0, of_model=False))

    Raises:
        ValueError: it spells none, or a negative one.
    """
    share = text.endswith("%")
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"{text!r}: expected a number, 0 or more (5e8), or a share of the model's (40%)")
    return Quantity(number / 100, of_model=True) if share else Quantity(number)


def _read(words: list[str]) -> Quantity | None:
    return None if words == ["None"] else read_quantity(words[0])


_FLAG: PrimitiveConstructorSpec[Quantity | None] = PrimitiveConstructorSpec(
    nargs=1,
    metavar="NUMBER|SHARE%",
    instance_from_str=_read,
    is_instance=lambda value: value is None or isinstance(value, Quantity),
    str_from_instance=lambda value: ["None" if value is None else value.text],
)
OptionalQuantityFlag = Annotated[Quantity | None, _FLAG]
"""The type of a flag that may be absent."""
