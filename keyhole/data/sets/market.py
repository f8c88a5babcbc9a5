"""Market-1501 (Zheng et al. 2015) and DukeMTMC-reID (Zheng et al. 2017), which has its layout: people before cameras.

Market-1501 has 3,819 pictures of identity ``-1``, junk, which are left out as its owner neglects them in a ranking, and
2,798 of ``0000``, distractors, which stay in the gallery. The distractors of DukeMTMC-reID are people whom one camera
saw, with identities of their own; it has no junk.
"""

from __future__ import annotations

from keyhole.data.sets.layout import Layout
from keyhole.data.sets.names import Names

_FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
_MARKET = Names(
    tops=("Market-1501-v15.09.15", "Market-1501", "market1501"),
    folders=_FOLDERS,
    pattern=r"(?P<identity>-1|\d+)_(?P<camera>c\d)s\d_(?P<frame>\d+)_\d+",
    example="0002_c1s1_000451_03.jpg",
    with_junk=True,
)
_DUKE = Names(
    tops=("DukeMTMC-reID", "dukemtmc-reid"),
    folders=_FOLDERS,
    pattern=r"(?P<identity>\d+)_(?P<camera>c\d)_f(?P<frame>\d+)",
    example="0005_c2_f0046985.jpg",
)
MARKET_1501 = Layout(
    title="Market-1501",
    task="person re-identification",
    tree="{bounding_box_train,query,bounding_box_test}/<identity>_c<camera>s<sequence>_<frame>_<n>.jpg",
    owner="http://www.liangzheng.org/Project/project_reid.html",
    splits=tuple(_FOLDERS),
    read=_MARKET,
)
DUKE_MTMC = Layout(
    title="DukeMTMC-reID",
    task="person re-identification",
    tree="{bounding_box_train,query,bounding_box_test}/<identity>_c<camera>_f<frame>.jpg",
    owner="https://github.com/layumi/DukeMTMC-reID_evaluation",
    splits=tuple(_FOLDERS),
    read=_DUKE,
)
