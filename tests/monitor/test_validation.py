from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from PIL import Image

from keyhole.v1.referee_pb2 import Account, Box, Outcome, Reconstruction, Secrets, Truth
from keyhole.v1.tensor_pb2 import Picture
from keyhole.wire.errors import WireError
from monitor.referee import Referee
from monitor.validation import check_account, check_outcome, check_reconstruction, check_truth
from tests.monitor.making import FRAME, guess, outcome, png, truth

ESCAPES = ["", ".", "..", "../x", "a/b", "a\\b", "/etc/passwd", "-rf", ".hidden", "a\0b", "a b", "é", "a\n", "x" * 129]


@pytest.mark.parametrize("frame_id", ESCAPES)
def test_frame_ids_that_could_leave_the_folder_are_rejected(frame_id: str) -> None:
    attempts: list[Callable[[], None]] = [
        lambda: check_truth(truth(frame_id)),
        lambda: check_outcome(outcome(frame_id)),
        lambda: check_reconstruction(guess(frame_id)),
    ]
    for attempt in attempts:
        with pytest.raises(WireError) as rejected:
            attempt()
        assert rejected.value.field == "frame_id"
        assert "edge-0-000042" in rejected.value.reason


@pytest.mark.parametrize("attack", ["", "truth", "../x", "Pixels", "a.b", "x" * 65, "-a"])
def test_attack_names_that_could_name_another_file_are_rejected(attack: str) -> None:
    with pytest.raises(WireError) as rejected:
        check_reconstruction(guess(attack=attack))
    assert rejected.value.field == "attack"


def test_ids_as_edges_make_them_are_taken() -> None:
    for frame_id in ("edge-0-000001", "shop.camera_7-12", "x" * 128):
        check_truth(truth(frame_id))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"seed": 2**63}, "seed"),
        ({"iteration": 2**64 - 1}, "iteration"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": -1.0}, "seconds"),
        ({"knowledge": "x" * 129}, "knowledge"),
        ({"tap": "a\0"}, "tap"),
        ({"rung": "../x"}, "rung"),
        ({"rung": "a.b"}, "rung"),
        ({"rung": "x" * 33}, "rung"),
        ({"recipe": "Strong"}, "recipe"),
        ({"clip": [FRAME, "../x"]}, "clip[1]"),
        ({"clip": ["edge-0-000002"]}, "clip"),
        ({"clip": [FRAME, *(f"edge-0-{number}" for number in range(40))]}, "clip"),
    ],
)
def test_numbers_and_texts_that_a_database_cannot_hold_are_rejected(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(WireError) as rejected:
        check_reconstruction(guess(**fields))
    assert rejected.value.field == field


def test_an_account_names_its_edge() -> None:
    with pytest.raises(WireError, match="edge: expected a name"):
        check_account(Account(taken=1))


def test_stages_are_durations() -> None:
    for seconds in (float("inf"), float("nan"), -0.1):
        with pytest.raises(WireError, match="network"):
            check_outcome(Outcome(frame_id="a", stages={"network": seconds}))


def _encoded(image: Image.Image, form: str) -> bytes:
    page = io.BytesIO()
    image.save(page, form)
    return page.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        _encoded(Image.new("RGB", (24, 24)), "JPEG"),
        _encoded(Image.new("L", (24, 24)), "PNG"),
        _encoded(Image.new("RGB", (10, 24)), "PNG"),
        _encoded(Image.effect_noise((24, 24), 90).convert("RGB"), "PNG")[:-200],
    ],
    ids=["empty", "text", "jpeg", "grey", "narrower than the window", "cut off"],
)
def test_only_whole_rgb_pngs_are_taken(data: bytes) -> None:
    with pytest.raises(WireError) as rejected:
        check_truth(truth(picture=png(data)))
    assert rejected.value.field == "picture.png"


def padded(size: tuple[int, int], length: int | None = None) -> Picture:
    """A black PNG of this width and height, filled up to so many bytes."""
    data = _encoded(Image.new("RGB", size), "PNG")
    return png(data.ljust(length or 0, b"\0"))


@pytest.mark.parametrize(
    "fields",
    [
        {"picture": padded((11, 11))},
        {"picture": padded((1024, 4096))},
        {"picture": padded((192, 128), 4 * 192 * 128 + 65536)},
        {"knowledge": "x" * 128},
        {"recipe": "x" * 32, "rung": "x" * 32},
        {"attack": "x" * 64},
        {"iteration": 2**63 - 1},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_is_just_within_the_bounds_is_taken(fields: dict[str, Any]) -> None:
    check_reconstruction(guess(**fields))


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (padded((11, 10)), "11×10 pixels: expected at least 11"),
        (padded((1024, 4097)), "1024×4097 pixels: expected at most 4,194,304"),
        (padded((192, 128), 4 * 192 * 128 + 65537), "163,841 bytes for 192×128 pixels"),
    ],
    ids=["side", "pixels", "bytes"],
)
def test_pictures_just_beyond_the_bounds_are_rejected(picture: Picture, expected: str) -> None:
    with pytest.raises(WireError, match=expected):
        check_reconstruction(guess(picture=picture))


def test_a_picture_is_measured_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.validation.unpack_levels", lambda *_, **__: pytest.fail("read it"))
    with pytest.raises(WireError, match="4000×4000 pixels: expected at most 4,194,304"):
        Referee([]).submit(guess(picture=padded((4000, 4000))))
    with pytest.raises(WireError, match="expected a plain PNG"):
        Referee([]).submit(guess(picture=padded((24, 24), 100_000)))


def test_a_list_or_map_holds_thirty_two() -> None:
    check_outcome(outcome(**{f"stage-{number}": 0.0 for number in range(32)}))
    with pytest.raises(WireError, match="stages: 33 entries: expected at most 32"):
        check_outcome(outcome(**{f"stage-{number}": 0.0 for number in range(33)}))


def test_a_place_in_a_picture_may_be_negative_and_the_error_says_where_a_number_may_not() -> None:
    check_truth(truth(secrets=Secrets(driver_box=Box(left=-1.0))))
    with pytest.raises(WireError, match=r"driver_box\.left: nan: expected a finite number$"):
        check_truth(truth(secrets=Secrets(driver_box=Box(left=float("nan")))))
    with pytest.raises(WireError, match=r"seconds: -1\.0: expected a finite number, 0 or more$"):
        check_reconstruction(guess(seconds=-1.0))


@pytest.mark.parametrize(("length", "quoted"), [(40, f"'{'!' * 40}'"), (41, f"'{'!' * 40}…'")])
def test_an_error_quotes_the_first_forty_characters(length: int, quoted: str) -> None:
    with pytest.raises(WireError) as rejected:
        check_outcome(outcome("!" * length))
    assert rejected.value.reason.startswith(f"{quoted} is no frame id")


MESSAGES: dict[type[Message], tuple[Callable[[], Message], Callable[[Any], None]]] = {
    Truth: (lambda: truth(secrets=Secrets(identity="7")), check_truth),
    Outcome: (lambda: outcome(total=0.1), check_outcome),
    Reconstruction: (guess, check_reconstruction),
    Account: (lambda: Account(edge="edge-0"), check_account),
}
WRONG: dict[int, tuple[Any, ...]] = {
    FieldDescriptor.TYPE_DOUBLE: (float("nan"), float("inf"), float("-inf")),
    FieldDescriptor.TYPE_UINT64: (2**63, 2**64 - 1),
    FieldDescriptor.TYPE_STRING: ("x" * 129, "a\0"),
}


def spoilt(message: Message, path: str = "") -> Iterator[str]:
    """Give every field of a message, and of the messages in it, a value that no database holds, one after the other.

    The field's name comes while the message is so; afterwards it is as it was.
    """
    for field in message.DESCRIPTOR.fields:
        sound = type(message)()
        sound.CopyFrom(message)
        entry = field.message_type if field.message_type and field.message_type.GetOptions().map_entry else None
        if entry is not None:
            for wrong in WRONG[entry.fields_by_name["value"].type]:
                getattr(message, field.name)["a"] = wrong
                yield f"{path}{field.name}"
            if entry.fields_by_name["value"].type == FieldDescriptor.TYPE_DOUBLE:
                getattr(message, field.name).update({str(number): 0.0 for number in range(33)})
                yield f"{path}{field.name}"
        elif field.message_type and field.is_repeated:
            yield from spoilt(getattr(message, field.name).add(), f"{path}{field.name}[0].")
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            yield from spoilt(getattr(message, field.name), f"{path}{field.name}.")
        elif field.is_repeated:
            for wrong in WRONG[field.type]:
                getattr(message, field.name)[:] = [wrong]
                yield f"{path}{field.name}[0]"
        else:
            for wrong in WRONG.get(field.type, ()):
                setattr(message, field.name, wrong)
                yield f"{path}{field.name}"
        message.CopyFrom(sound)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_every_field_of_every_message_is_checked(kind: type[Message]) -> None:
    make, check = MESSAGES[kind]
    message, named = make(), set[str]()
    check(message)
    for name in spoilt(message):
        with pytest.raises(WireError) as rejected:
            check(message)
        assert rejected.value.field.startswith(name), rejected.value
        named.add(name)
    check(message)
    expected = {
        Truth: {"deployment.slowdown", "deployment.cloud", "secrets.driver_box.left", "secrets.plate_corners[0].x"},
        Outcome: {"stages", "payload_bytes", "prediction"},
        Reconstruction: {"seconds", "iteration", "knowledge", "clip[0]"},
        Account: {"edge", "started_at", "taken", "dropped"},
    }
    assert expected[kind] <= named


def test_fields_of_no_name_are_not_kept() -> None:
    message = Outcome.FromString(outcome().SerializeToString() + b"\xca\x3e\x08unwanted")  # field 1001, 8 bytes
    assert b"unwanted" in message.SerializeToString()
    check_outcome(message)
    assert message == outcome()
    assert b"unwanted" not in message.SerializeToString()
