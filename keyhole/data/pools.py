"""The two pools that every source of pictures can be opened for."""

from __future__ import annotations

from typing import Literal

Pool = Literal["public", "audit"]
"""``audit``: what the victim shows and attacks are scored on; ``public``: what the attacker may learn from."""
