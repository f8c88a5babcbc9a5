"""Where a judge's weights are: shipped with the package, or in a folder of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from keyhole import judge as package
from keyhole.service.errors import UsageError
from keyhole.targets.card import CARD

if TYPE_CHECKING:
    from keyhole.judge.judge import Judge

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the shipped weights."""


class JudgeError(UsageError):
    """A judge that does not exist or does not fit; the message says how one is made."""


def find_judge(folder: Path | None = None) -> Judge | None:
    """The judge in ``folder``, else the shipped one; None where neither is named nor shipped.

    Raises:
        JudgeError: see `keyhole.judge.load.load_judge`; a folder that is named must hold a judge.
    """
    if folder is None and not (SHIPPED / CARD).is_file():
        return None
    return package.load_judge(folder or SHIPPED)
