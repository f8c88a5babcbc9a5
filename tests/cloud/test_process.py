"""What a cloud refuses to start with."""

from __future__ import annotations

import pytest

from cloud.process import cloud
from cloud.settings import CloudSettings
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from tests.system.running import CUT, TINY


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"max_batch": 0}, "--max-batch 0: expected 1 or more"),
        ({"max_wait_ms": -1.0}, "--max-wait-ms -1.0: expected 0 or more"),
        ({"tap_queue": 0}, "--tap-queue 0: expected 1 or more"),
        ({"tap_token": ""}, "KEYHOLE_CLOUD_TAP_TOKEN is empty"),
        ({"cut": "blok.first"}, "block.first"),
        ({"listen": "50051"}, "expected HOST:PORT"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(flags, message):
    with pytest.raises(UsageError, match=message):
        cloud(CloudSettings(**{"target": TINY, "cut": CUT, **flags}), Stop())
