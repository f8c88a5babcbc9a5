"""Training of a byte-pair vocabulary.

The trainer of the package tokenizers numbers the last letters of words in another order in each process, and settles
ties between pairs by their numbers: the same texts give another vocabulary each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

END = "</w>"
"""Of a word: part of its last symbol."""
Pair = tuple[str, str]


def frequent_pairs(words: Iterable[str], most: int) -> list[Pair]:
    """The pairs of symbols that are merged, in their order (Sennrich, Haddow and Birch 2016, algorithm 1).

    Each is the most frequent at its time, of several the first in the alphabet; one that comes once alone is none.

    Args:
        words: as a pre-tokenizer gives them, each as often as it comes.
        most: pairs at most.

    >>> frequent_pairs(["low", "low", "lower"], 3)
    [('l', 'o'), ('lo', 'w</w>')]
    """
    counts = Counter(words)
    symbols = {word: (*word[:-1], word[-1] + END) for word in counts}
    pairs: list[Pair] = []
    while len(pairs) < most:
        found = Counter[Pair]()
        for word, count in counts.items():
            for pair in zip(symbols[word], symbols[word][1:], strict=False):
                found[pair] += count
        best = min(found, key=lambda pair: (-found[pair], pair), default=None)
        if best is None or found[best] < 2:
            break
        pairs.append(best)
        symbols = {word: _merged(parts, best) for word, parts in symbols.items()}
    return pairs


def _merged(parts: Sequence[str], pair: Pair) -> tuple[str, ...]:
    made: list[str] = []
    for part in parts:
        if made and (made[-1], part) == pair:
            made[-1] += part
        else:
            made.append(part)
    return tuple(made)
