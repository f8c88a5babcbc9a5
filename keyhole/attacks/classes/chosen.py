"""Which classes of which classifier are pictured, and which of their pictures together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyhole.attacks.classes.base import Wanted
from keyhole.service.errors import UsageError
from keyhole.sizes import Size
from keyhole.targets import Target, load_target
from keyhole.targets.answers import check_classifies


def classifier_named(name: str, weights: str | None = None, size: Size | None = None) -> Target:
    """A target that answers with classes whose names are known.

    Raises:
        UsageError: it does not, or there is no such target.
    """
    target = load_target(name, weights, size=size)
    check_classifies(target, "an attack on classes")
    return target


def chosen_classes(
    words: tuple[str, ...], names: tuple[str, ...], usual: int, flag: str = "--classes"
) -> tuple[int, ...]:
    """The classes that a flag names, in order, each once.

    >>> chosen_classes(("2", "0-1", "dog"), ("cat", "cow", "owl", "dog"), 10)
    (2, 0, 1, 3)

    Args:
        words: numbers, ranges or names; none: the first ``usual``.
        names: of all classes.
        usual: how many where nothing is named.
        flag: that names them, for messages.

    Raises:
        UsageError: no such class.
    """
    if not words:
        return tuple(range(min(usual, len(names))))
    found = [number for word in words for number in _numbers(word, names, flag)]
    return tuple(dict.fromkeys(found))


def whole_classes(wanted: Wanted, missing: Sequence[int], size: int) -> Iterator[list[int]]:
    """Places of pictures that are made together: a class's are not divided where they fit, because some attacks learn
    something of a class first.

    Args:
        wanted: the pictures.
        missing: places of those that are to be made, rising.
        size: of a batch, at most.
    """
    labels = wanted.labels.tolist()
    batch: list[int] = []
    for at in missing:
        same = [place for place in missing if labels[place] == labels[at]]
        begins = at == same[0] and len(same) <= size < len(batch) + len(same)
        if batch and (len(batch) == size or begins):
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def _numbers(word: str, names: tuple[str, ...], flag: str) -> list[int]:
    if word in names:
        return [names.index(word)]
    first, dash, last = word.partition("-")
    if first.isdecimal() and (not dash or last.isdecimal()):
        numbers = list(range(int(first), int(last or first) + 1))
        if numbers and numbers[-1] < len(names):
            return numbers
    raise UsageError(
        f"{flag} {word}: expected a name, or numbers from 0 to {len(names) - 1} as in 3 or 0-19; the target has "
        f"{len(names)} classes, such as {names[0]!r}"
    )
