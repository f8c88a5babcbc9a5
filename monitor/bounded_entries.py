"""Entries that are bounded in number and bytes; the oldest leave first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class BoundedEntries(Generic[Key, Value]):
    """Entries in the order they came. The oldest leave when they are too many, or have too many bytes together.

    Args:
        most: entries.
        most_bytes: of all entries; the newest stays however large it is.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Value]:
        return (value for value, _ in self._entries.values())

    def get(self, key: Key) -> Value | None:
        """The entry of a key, if it is there."""
        return self._entries[key][0] if key in self._entries else None

    def put(self, key: Key, value: Value, size: int) -> list[Value]:
        """Add an entry of ``size`` bytes, in the place of one of the same key; those that leave for it."""
        self.pop(key)
        self._entries[key] = value, size
        self._bytes += size
        left = []
        while len(self._entries) > self._most or (self._bytes > self._most_bytes and len(self._entries) > 1):
            left.append(self.pop_oldest())
        return left

    def pop(self, key: Key) -> Value | None:
        """Take an entry out, if it is there."""
        value, size = self._entries.pop(key, (None, 0))
        self._bytes -= size
        return value

    def pop_oldest(self) -> Value:
        """Take the oldest entry out; KeyError where there is none."""
        _, (value, size) = self._entries.popitem(last=False)
        self._bytes -= size
        return value
