"""Who may call, how many at once, and for how long a caller may say nothing: the same for every method."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from keyhole.service.metrics import Metrics
from keyhole.wire.channels import connect, wait_ready
from keyhole.wire.errors import explain, violations
from keyhole.wire.interceptors import GRACE_SECONDS, CallSlots
from keyhole.wire.methods import METHODS
from keyhole.wire.server import serve
from keyhole.wire.tls import ROLES, make_certificates
from tests.waiting import PATIENCE, wait_until
from tests.wire import everything
from tests.wire.certificates import credentials_with_names
from tests.wire.everything import call, counted, serving

DENIED, INVALID = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT
HEALTH = {name for name in METHODS if name.startswith("/grpc.")}
OURS = sorted(everything.METHODS)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("admission") / "certs"
    make_certificates(directory)
    return directory


def silence() -> Iterator[bytes]:
    """Messages that never come."""
    yield from iter(queue.SimpleQueue[bytes]().get, None)


def status(channel: grpc.Channel, name: str, *messages: bytes) -> tuple[grpc.StatusCode, str]:
    """How a call with these messages ends; a stream that has begun to answer is well."""
    calling = call(channel, name, iter(messages))
    try:
        first = next(calling, None)
    except grpc.RpcError as error:
        return calling.code(), explain(error)
    if first is None:
        return calling.code(), ""
    calling.cancel()
    return grpc.StatusCode.OK, ""


def test_the_table_has_every_method_of_the_protos_and_nothing_else() -> None:
    assert set(METHODS) - HEALTH == set(OURS)


def test_the_adversary_may_tap_query_and_submit_and_nothing_else_of_ours() -> None:
    """The threat model in one line: frames, its own device, what it made and runs. No truth, no answer, no events."""
    allowed = {name for name, method in METHODS.items() if "adversary" in method.roles}
    assert allowed - HEALTH == {
        "/keyhole.v1.Tap/Subscribe",
        "/keyhole.v1.Oracle/Query",
        "/keyhole.v1.Referee/Submit",
        "/keyhole.v1.Referee/Announce",
        "/keyhole.v1.Referee/Recall",
    }
    assert all(METHODS[name].roles == set(ROLES) for name in HEALTH)


def test_every_method_is_open_to_its_roles_alone(certificates: Path) -> None:
    with serving(tls=certificates) as (server, metrics), ExitStack() as stack:
        callers = {(role,): stack.enter_context(connect(server.address, tls=certificates, role=role)) for role in ROLES}
        for names in ((), ("stranger",), ("EDGE",), ("edge ",)):
            credentials = credentials_with_names(certificates, *names)
            callers[names] = stack.enter_context(grpc.secure_channel(str(server.address), credentials))
        for name in METHODS:
            for names, channel in callers.items():
                code, reason = status(channel, name, b"")
                refused = not (set(names) & METHODS[name].roles)
                assert (code is DENIED) == refused, (name, names, code, reason)
                assert not refused or "certificate: " in reason
            open_to = METHODS[name].roles
            assert counted(metrics, name, DENIED) == len(callers) - len(open_to)


def test_in_plain_text_anyone_may_call() -> None:
    with serving() as (server, _), connect(server.address) as channel:
        assert {name: status(channel, name, b"")[0] for name in OURS} == dict.fromkeys(OURS, grpc.StatusCode.OK)


@pytest.mark.parametrize("data", [b"\xff" * 9, b"\x0a\xff\xff\xff\xff\x0f", b"\x08"])
def test_bytes_that_do_not_decode_are_the_callers_fault_and_counted(data: bytes, capfd: Any, caplog: Any) -> None:
    with serving() as (server, metrics), connect(server.address) as channel:
        for name in sorted(METHODS):
            code, reason = status(channel, name, data)
            assert (name, code) == (name, INVALID)
            assert "request: expected a serialised message" in reason
            assert counted(metrics, name, INVALID) == 1
    assert "Traceback" not in capfd.readouterr().err + caplog.text


def test_a_call_without_a_message_is_the_callers_fault() -> None:
    with serving() as (server, metrics), connect(server.address) as channel:
        for name in OURS:
            if not everything.METHODS[name].client_streaming:
                assert status(channel, name) == (INVALID, "INVALID_ARGUMENT: request: expected one message, got none")
                assert counted(metrics, name, INVALID) == 1


def test_idle_calls_of_every_method_stop_none_of_them() -> None:
    """Many more calls than there are places, all of which say nothing: whoever speaks is served, and health answers."""
    with serving() as (server, _), ExitStack() as stack:
        idle = [
            call(stack.enter_context(connect(server.address)), name, silence())
            for name, method in METHODS.items()
            for _ in range(method.calls + 4)
        ]
        with connect(server.address) as channel:
            for name in OURS:
                wait_until(lambda name=name: status(channel, name, b"")[0] is grpc.StatusCode.OK)
        wait_ready(server.address, PATIENCE)
        for each in idle:
            each.cancel()


def test_calls_that_say_nothing_are_ended_and_counted() -> None:
    with serving(patience=0.4) as (server, metrics), connect(server.address) as channel:
        idle = {name: call(channel, name, silence()) for name in OURS}
        for name, each in idle.items():
            with pytest.raises(grpc.RpcError):
                list(each)
            assert each.code() is grpc.StatusCode.CANCELLED
            wait_until(lambda name=name: counted(metrics, name, grpc.StatusCode.DEADLINE_EXCEEDED) == 1)


def test_a_call_that_takes_no_answers_is_ended() -> None:
    big, name = bytes(1 << 20), "/keyhole.v1.Inference/InferStream"

    def endless() -> Iterator[bytes]:
        while True:
            yield b""

    with serving(lambda _: big, patience=0.4) as (server, metrics), connect(server.address) as channel:
        stuck = call(channel, name, endless())
        wait_until(lambda: counted(metrics, name, grpc.StatusCode.DEADLINE_EXCEEDED) == 1)
        stuck.cancel()


def test_a_call_that_is_worked_on_is_never_ended_for_it() -> None:
    """The patience is for callers: a method may take as long as it likes."""
    slow = threading.Event()

    def behave(_request: Any) -> bytes:
        slow.wait(1.5)
        return b""

    with serving(behave, patience=0.2) as (server, _), connect(server.address) as channel:
        assert status(channel, "/keyhole.v1.Oracle/Query", b"")[0] is grpc.StatusCode.OK


def held(server: Any, name: str, gate: threading.Event, working: threading.Semaphore, stack: ExitStack) -> None:
    """Fill a method's places with calls that are worked on until the gate opens."""
    for _ in range(METHODS[name].calls):
        channel = stack.enter_context(connect(server.address))
        calling = call(channel, name, iter([b""]))
        threading.Thread(target=lambda calling=calling: list(calling), daemon=True).start()
    for _ in range(METHODS[name].calls):
        assert working.acquire(timeout=PATIENCE)
    stack.callback(gate.set)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("/keyhole.v1.Tap/Subscribe", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("/keyhole.v1.Referee/Watch", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("/keyhole.v1.Oracle/Query", grpc.StatusCode.UNAVAILABLE),
        ("/keyhole.v1.Inference/InferStream", grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_past_its_places_a_method_refuses_and_no_other_notices(name: str, code: grpc.StatusCode) -> None:
    gate, working = threading.Event(), threading.Semaphore(0)

    def behave(_request: Any) -> bytes:
        working.release()
        gate.wait(PATIENCE)
        return b""

    with serving(behave) as (server, metrics), ExitStack() as stack:
        held(server, name, gate, working, stack)
        with connect(server.address) as channel:
            refused, reason = status(channel, name, b"")
            assert refused is code
            assert f"expected at most {METHODS[name].calls} calls of {name} at once" in reason
            assert counted(metrics, name, code) == 1
            wait_ready(server.address, PATIENCE)
            gate.set()
            wait_until(lambda: status(channel, name, b"")[0] is grpc.StatusCode.OK)


def test_a_method_that_is_not_in_the_table_is_not_served() -> None:
    methods = {name: method for name, method in METHODS.items() if name != "/keyhole.v1.Oracle/Query"}
    with serving(methods=methods) as (server, _), connect(server.address) as channel:
        assert status(channel, "/keyhole.v1.Oracle/Query", b"")[0] is grpc.StatusCode.UNIMPLEMENTED


def test_a_refusal_names_the_field_as_every_other_does(certificates: Path) -> None:
    with serving(tls=certificates) as (server, _), connect(server.address, tls=certificates, role="oracle") as channel:
        calling = channel.unary_unary("/keyhole.v1.Inference/Infer", None, None)
        with pytest.raises(grpc.RpcError) as refused:
            calling(b"", timeout=PATIENCE)
    assert violations(refused.value) == [
        ("certificate", "/keyhole.v1.Inference/Infer is open to the certificate of edge, not to that of 'oracle'")
    ]


def test_while_it_drains_a_server_says_so_and_finishes_what_it_has_begun() -> None:
    gate, working = threading.Event(), threading.Event()

    def behave(_request: Any) -> bytes:
        working.set()
        gate.wait(PATIENCE)
        return b"done"

    metrics = Metrics("oracle")
    server = serve(everything.everything(behave), "127.0.0.1:0", metrics=metrics)
    with connect(server.address) as channel:
        watch = call(channel, "/grpc.health.v1.Health/Watch", iter([b""]))
        states = (health_pb2.HealthCheckResponse.FromString(message).status for message in watch)
        assert next(states) == health_pb2.HealthCheckResponse.SERVING
        running = call(channel, "/keyhole.v1.Oracle/Query", iter([b""]))
        assert working.wait(PATIENCE)
        stopping = threading.Thread(target=server.stop, args=(PATIENCE,))
        stopping.start()
        assert next(states) == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        gate.set()
        assert list(running) == [b"done"]
        stopping.join(PATIENCE)
        assert not stopping.is_alive()


def test_a_call_gets_its_grace_by_default() -> None:
    begun = threading.Event()

    def behave(_request: Any) -> bytes:
        begun.set()
        time.sleep(0.5)
        return b"done"

    server = serve(everything.everything(behave), "127.0.0.1:0", metrics=Metrics("oracle"))
    with connect(server.address) as channel:
        running = call(channel, "/keyhole.v1.Oracle/Query", iter([b""]))
        assert begun.wait(PATIENCE)
        server.stop()
        assert list(running) == [b"done"]


class Caller:
    """A call as its slots see it."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


def test_the_call_that_has_waited_longest_makes_room_but_not_at_once() -> None:
    now = [0.0]
    slots = CallSlots(2, 30.0, clock=lambda: now[0])
    first, second = Caller(), Caller()
    with slots.waits(first):
        now[0] = 0.5 * GRACE_SECONDS
        with slots.waits(second):
            assert [slots.enter(), slots.enter(), slots.enter()] == [True, True, False]
            now[0] = GRACE_SECONDS
            assert slots.enter()
            assert (first.cancelled, second.cancelled) == (True, False)
            assert (slots.dismissed(first), slots.dismissed(second)) == (True, False)
            assert not slots.enter()
            slots.leave(first)
            assert not slots.enter()
            slots.leave(second)
            assert slots.enter()


def test_patience_ends_exactly_when_it_is_over() -> None:
    now = [0.0]
    slots = CallSlots(4, 30.0, clock=lambda: now[0])
    early, late = Caller(), Caller()
    with slots.waits(early):
        now[0] = 10.0
        with slots.waits(late):
            now[0] = 29.9
            slots.expire()
            assert not early.cancelled
            now[0] = 30.0
            slots.expire()
            assert (early.cancelled, late.cancelled) == (True, False)
    now[0] = 99.0
    slots.expire()
    assert not late.cancelled
