from __future__ import annotations

import pytest
import torch

from keyhole.wire.channels import connect
from tests.system.frames import Edge
from tests.system.running import running_cloud

TOKEN = "s3cret"


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def live():
    """Settings of a cloud that is running, tap on."""
    with running_cloud(tap_token=TOKEN, tap_queue=4) as settings:
        yield settings


@pytest.fixture(scope="module")
def channel(live):
    with connect(live.listen) as channel:
        yield channel


@pytest.fixture(scope="module")
def edge():
    return Edge()
