from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest

from keyhole.service.address import Address
from keyhole.wire.channels import connect
from keyhole.wire.client import InferenceClient
from keyhole.wire.errors import explain, invalid, unmet, violations


def test_codes() -> None:
    assert invalid("a", "b").code is grpc.StatusCode.INVALID_ARGUMENT
    assert unmet("a", "b").code is grpc.StatusCode.FAILED_PRECONDITION
    assert str(invalid("tensors[0]", "expected one")) == "tensors[0]: expected one"


def test_reasons_that_quote_the_caller_are_cut() -> None:
    assert len(invalid("a", "x" * 10_000).reason) == 501


def test_errors_without_details_are_explained_by_their_message(quiet_address: Callable[[], Address]) -> None:
    with connect(quiet_address()) as channel, pytest.raises(grpc.RpcError) as caught:
        InferenceClient(channel).describe(5)
    assert not violations(caught.value)
    assert explain(caught.value).startswith("UNAVAILABLE: ")


def test_errors_that_are_no_calls_are_explained_by_their_text() -> None:
    assert explain(grpc.RpcError("broken")) == "broken"
    assert explain(grpc.RpcError()) == "RpcError"
