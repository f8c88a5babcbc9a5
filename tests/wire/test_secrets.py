from __future__ import annotations

from typing import Any

import pytest

from keyhole.data.sample import SecretLabels
from keyhole.v1 import inference_pb2, oracle_pb2, referee_pb2, tap_pb2, tensor_pb2
from keyhole.wire.errors import WireError
from keyhole.wire.secrets import pack_secrets, unpack_secrets
from tests.judge.making import LABELS


@pytest.mark.parametrize("labels", [LABELS, SecretLabels()])
def test_labels_come_back_as_they_went(labels: SecretLabels) -> None:
    sent = referee_pb2.Secrets.FromString(pack_secrets(labels).SerializeToString())
    assert unpack_secrets(sent, field="secrets") == labels


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"plate": "A" * 65}, "secrets"),
        ({"identity": "a\0b"}, "secrets"),
        ({"attributes": {str(number): "x" for number in range(33)}}, "secrets"),
        ({"attributes": {"hat": "x" * 65}}, "secrets"),
        ({"plate_corners": [referee_pb2.Point(x=1, y=1)] * 3}, "secrets.plate_corners"),
        ({"plate_corners": [referee_pb2.Point(x=float("nan"))] * 4}, "secrets.plate_corners"),
        ({"driver_box": referee_pb2.Box(left=float("inf"))}, "secrets.driver_box"),
        ({"passenger_box": referee_pb2.Box(left=1e9)}, "secrets.passenger_box"),
    ],
)
def test_what_is_no_label_names_its_field(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(WireError) as refused:
        unpack_secrets(referee_pb2.Secrets(**wrong), field="secrets")
    assert refused.value.field == field


def reached(descriptor: Any, seen: set[str]) -> set[str]:
    """Full names of a message and of all that it can hold."""
    if descriptor.full_name not in seen:
        seen.add(descriptor.full_name)
        for field in descriptor.fields:
            if field.message_type is not None:
                reached(field.message_type, seen)
    return seen


def test_no_message_but_the_truth_can_hold_secrets() -> None:
    secrets = referee_pb2.Secrets.DESCRIPTOR.full_name
    holders = {
        message.full_name
        for module in (inference_pb2, oracle_pb2, tap_pb2, tensor_pb2, referee_pb2)
        for message in module.DESCRIPTOR.message_types_by_name.values()
        if secrets in reached(message, set())
    }
    assert holders == {f"keyhole.v1.{name}" for name in ("Secrets", "Truth", "Event")}


def test_the_adversarys_calls_give_and_take_neither_secrets_nor_scores() -> None:
    methods = referee_pb2.DESCRIPTOR.services_by_name["Referee"].methods_by_name
    calls = [methods[name] for name in ("Submit", "Announce")]
    for message in (each for call in calls for each in (call.input_type, call.output_type)):
        assert referee_pb2.Secrets.DESCRIPTOR.full_name not in reached(message, set())
        assert referee_pb2.Score.DESCRIPTOR.full_name not in reached(message, set())
