"""Tables in a page of Markdown, between marks that name them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from keyhole.service.errors import UsageError

_MARKED = "<!-- results: {name} -->\n{text}\n<!-- end of results -->"
_MARK = re.compile(r"<!-- results: (?P<name>[\w-]+) -->\n.*?<!-- end of results -->", re.DOTALL)


def filled(page: str, tables: Mapping[str, str]) -> str:
    """The page with the tables that it has marks for; what stood between the marks is replaced.

    >>> print(filled("<!-- results: one -->\\nold\\n<!-- end of results -->", {"one": "new"}))
    <!-- results: one -->
    new
    <!-- end of results -->

    Raises:
        UsageError: a table has no mark in the page.
    """
    marked = {match["name"] for match in _MARK.finditer(page)}
    if missing := tables.keys() - marked:
        marks = ", ".join(f"<!-- results: {name} -->" for name in sorted(missing))
        raise UsageError(f"the page lacks {marks} (and <!-- end of results --> some lines below)")

    def text(match: re.Match[str]) -> str:
        name = match["name"]
        return _MARKED.format(name=name, text=tables[name].strip()) if name in tables else match[0]

    return _MARK.sub(text, page)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
