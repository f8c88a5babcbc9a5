"""VeRi-776 (Liu et al. 2016): vehicles before 20 cameras; the file name says which and where."""

from __future__ import annotations

from keyhole.data.sets.layout import Layout
from keyhole.data.sets.names import Names

_READ = Names(
    tops=("VeRi", "VeRi-776", "veri"),
    folders={"train": "image_train", "query": "image_query", "gallery": "image_test"},
    pattern=r"(?P<identity>\d+)_(?P<camera>c\d+)_(?P<frame>\d+)_\d+",
    example="0001_c001_00016450_0.jpg",
)
VERI = Layout(
    title="VeRi-776",
    task="vehicle re-identification",
    tree="{image_train,image_query,image_test}/<identity>_c<camera>_<frame>_<n>.jpg",
    owner="https://github.com/JDAI-CV/VeRidataset (on request)",
    splits=tuple(_READ.folders),
    read=_READ,
)
