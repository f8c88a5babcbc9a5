"""FaceScrub (Ng & Winkler 2014), downloaded by its lists into one folder per person."""

from __future__ import annotations

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts


def _read(files: Files) -> Listing:
    files = files.inside("facescrub", "FaceScrub")
    found: dict[str, str] = {}
    for group in files.some("actors", "actresses"):
        folder = files.first(f"{group}/faces", group)
        for path in files.pictures(folder):
            if len(path.parts) < 2:
                raise files.damaged(f"{folder}/{path}", "expected a folder per person")
            found[f"{folder}/{path}"] = path.parts[0]
    people = tuple(sorted(set(found.values())))
    index = {person: number for number, person in enumerate(people)}
    entries = [
        Entry(path, "all", files.picture(path), Facts(label=index[person], identity=person))
        for path, person in found.items()
    ]
    return Listing(tuple(entries), people)


FACESCRUB = Layout(
    title="FaceScrub",
    task="faces: identities",
    tree="{actors,actresses}/[faces/]<person>/<picture>.jpg",
    owner="http://vintage.winklerbros.net/facescrub.html (lists of links, on request)",
    splits=("all",),
    read=_read,
)
