"""The two pools of every source of pictures."""

from __future__ import annotations

from typing import Literal

Pool = Literal["public", "audit"]
"""``audit``: what the victim shows and attacks are scored on; ``public``: what the attacker may learn from."""
