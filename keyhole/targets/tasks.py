"""What a target is trained for."""

from __future__ import annotations

from typing import Literal

TaskName = Literal["classification", "re-identification"]
"""What a target answers with: a score for each class, or an embedding by which identities are retrieved."""
