"""Ten thousand messages to each service, most of them spoilt: each is answered with what is wrong, and counted."""

from __future__ import annotations

import random
import sqlite3
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import grpc
import pytest
import torch
from google.protobuf.message import DecodeError
from prometheus_client.parser import text_string_to_metric_families

from keyhole.v1 import inference_pb2, oracle_pb2, referee_pb2, tap_pb2, tensor_pb2
from keyhole.wire.channels import connect
from keyhole.wire.chunks import to_chunks
from keyhole.wire.client import InferenceClient
from keyhole.wire.pictures import pack_picture
from keyhole.wire.server import TOKEN_KEY
from keyhole.wire.tensors import unpack
from tests.monitor.making import guess, outcome, truth
from tests.system.frames import Edge, pictures
from tests.system.processes import process
from tests.system.running import running_cloud, running_oracle
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

COUNT, CALLERS = 10_000, 8
FAULTS = {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}
TOKEN = "s3cret"
Call = tuple[str, Sequence[bytes], str]
"""Method, messages, token."""


def spoilt(good: bytes, chance: random.Random) -> bytes:
    """The message, damaged in one of many ways, or not at all."""
    at, length = sorted((chance.randrange(len(good) + 1), chance.randrange(len(good) + 1)))
    flipped = bytearray(good)
    for _ in range(chance.randrange(1, 9) if good else 0):
        flipped[chance.randrange(min(len(good), chance.choice((40, 400, len(good)))))] ^= 1 << chance.randrange(8)
    return chance.choice(
        (
            good,
            bytes(flipped),
            bytes(flipped),
            good[:at],
            good[:at] + good[length:],
            good[:length] + good[at:],
            good + chance.randbytes(chance.randrange(1, 20)),
            chance.randbytes(chance.randrange(200)),
        )
    )


def send(channel: grpc.Channel, calls: Iterable[Call]) -> tuple[Counter[tuple[str, str]], list[tuple[Call, bytes]]]:
    """Make calls, several at a time: how many of each method ended with each code, and each answer with its call."""

    def one(call: Call) -> tuple[str, str, list[tuple[Call, bytes]]]:
        name, messages, token = call
        answers = []
        calling = channel.stream_stream(name)(iter(messages), timeout=120, metadata=((TOKEN_KEY, token),))
        with suppress(grpc.RpcError):
            answers.extend((call, answer) for answer in calling)
        return name, calling.code().name, answers

    ends: Counter[tuple[str, str]] = Counter()
    answers: list[tuple[Call, bytes]] = []
    with ThreadPoolExecutor(CALLERS) as pool:
        for name, code, got in pool.map(one, calls):
            ends[name, code] += 1
            answers += got
    return ends, answers


def page(address: str) -> Callable[[str], dict[tuple[str, ...], float]]:
    """The samples of a metric, by the values of its labels in alphabetical order."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as response:
        text = response.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return lambda name: {
        tuple(label for _, label in sorted(sample.labels.items())): sample.value
        for sample in samples
        if sample.name == name
    }


def counted(address: str, service: str) -> Counter[tuple[str, str]]:
    """What the server counted of a service, as ``send`` does."""
    calls = page(address)("keyhole_rpc_total").items()
    return Counter({(name, code): int(value) for (code, name), value in calls if name.startswith(f"/{service}/")})


def codes(ends: Counter[tuple[str, str]]) -> set[str]:
    return {code for _, code in ends}


def test_frames() -> None:
    chance, edge = random.Random(0), Edge()
    kinds = (tensor_pb2.CODEC_FP32, tensor_pb2.CODEC_INT8, tensor_pb2.CODEC_FP16_ZSTD)

    def calls() -> Iterator[Call]:
        for number in range(COUNT):
            frame = edge.frame(pictures(1, seed=number % 7)[0], f"edge-0-{number}", codec=chance.choice(kinds))
            if number % 4:
                yield "/keyhole.v1.Inference/Infer", [spoilt(frame.to_wire(), chance)], ""
            else:
                chunks = [chunk if chance.random() < 0.7 else spoilt(chunk, chance) for chunk in to_chunks(frame)]
                yield "/keyhole.v1.Inference/InferStream", chunks, ""

    with running_cloud() as cloud, connect(cloud.listen) as channel:
        ends, answers = send(channel, calls())
        assert ends.total() == COUNT
        assert codes(ends) == {"OK", *FAULTS}
        assert counted(cloud.metrics, "keyhole.v1.Inference") == ends
        assert page(cloud.metrics)("keyhole_frames_total")["answered",] == len(answers) > 0
        picture = pictures(1, seed=99)
        answer = InferenceClient(channel).infer(edge.frame(picture[0]), timeout=60)
    torch.testing.assert_close(unpack(answer.outputs[0], field="outputs"), edge.whole(picture))
    for _, message in answers[::100]:
        unpack(inference_pb2.Answer.FromString(message).outputs[0], field="outputs")


def test_subscriptions() -> None:
    """The token is right where the message does not decode: any other would be a subscription."""
    chance, name = random.Random(1), "/keyhole.v1.Tap/Subscribe"

    def calls() -> Iterator[Call]:
        for _ in range(COUNT):
            good = tap_pb2.SubscribeRequest(queue=chance.randrange(1 << 32)).SerializeToString()
            message = spoilt(good, chance)
            try:
                tap_pb2.SubscribeRequest.FromString(message)
                yield name, [message], chance.choice(("", "guess", TOKEN[:-1], TOKEN + "x"))
            except DecodeError:
                yield name, [message], TOKEN

    with running_cloud(tap_token=TOKEN) as cloud, connect(cloud.listen) as channel:
        ends, answers = send(channel, calls())
        assert ends.total() == COUNT
        assert codes(ends) == {"INVALID_ARGUMENT", "PERMISSION_DENIED"}
        assert counted(cloud.metrics, "keyhole.v1.Tap") == ends
        assert answers == []
        stream = channel.stream_stream(name)(iter([b""]), timeout=60, metadata=((TOKEN_KEY, TOKEN),))
        client, frame = InferenceClient(channel), Edge().frame(pictures(1)[0])
        with ThreadPoolExecutor(1) as reader:
            tapped = reader.submit(next, stream)
            while not tapped.done():
                client.infer(frame, 60)
        stream.cancel()
    assert tap_pb2.TappedFrame.FromString(tapped.result()).frame.header == frame.header


def test_queries() -> None:
    chance, name = random.Random(2), "/keyhole.v1.Oracle/Query"

    def calls() -> Iterator[Call]:
        for number in range(COUNT):
            batch = [pack_picture(picture) for picture in pictures(1 + number % 2, seed=number % 5)]
            query = oracle_pb2.QueryRequest(pictures=batch, codec=chance.choice((1, 2, 4, 5)))
            yield name, [spoilt(query.SerializeToString(), chance)], ""

    with running_oracle() as oracle, connect(oracle.listen) as channel:
        ends, answers = send(channel, calls())
        assert ends.total() == COUNT
        assert codes(ends) == {"OK", "INVALID_ARGUMENT"}
        assert counted(oracle.metrics, "keyhole.v1.Oracle") == ends
        asked = sum(len(oracle_pb2.QueryRequest.FromString(call[1][0]).pictures) for call, _ in answers)
        assert page(oracle.metrics)("keyhole_oracle_queries_total") == {(): asked}
        latest = max(oracle_pb2.QueryResponse.FromString(message).answered for _, message in answers)
    assert latest == asked


def test_truths_outcomes_and_reconstructions(tmp_path) -> None:
    """Every truth and outcome that was acknowledged is in the run when it ends, and no other."""
    chance = random.Random(3)
    witness, conclude, submit = (f"/keyhole.v1.Referee/{name}" for name in ("Witness", "Conclude", "Submit"))

    def calls() -> Iterator[Call]:
        for number in range(COUNT // 2):
            name = f"edge-0-{number // 2}"
            if number % 2:
                yield conclude, [spoilt(outcome(name, total=0.1).SerializeToString(), chance)], ""
            else:
                yield witness, [spoilt(truth(name, scene=number % 7).SerializeToString(), chance)], ""

    def guesses() -> Iterator[Call]:
        for number in range(COUNT // 2):
            name, made = f"edge-0-{number}", guess(f"edge-0-{number // 2}", scene=number % 7, final=number % 3 == 0)
            if number % 5 == 0:
                yield chance.choice((witness, conclude)), [truth(name).SerializeToString()], ""
            else:
                yield submit, [spoilt(made.SerializeToString(), chance)], ""

    free = dict.fromkeys(("truth", "submit", "metrics"), "127.0.0.1:0")
    with process("monitor", run=tmp_path, page="None", **free) as monitor:
        at = monitor.logged("ready", 240)
        with connect(at["truth"]) as left, connect(at["submit"]) as right:
            ends, acknowledged = send(left, calls())
            more, _ = send(right, guesses())
        assert codes(ends) == {"OK", "INVALID_ARGUMENT"}
        full = {"RESOURCE_EXHAUSTED"}  # of what waits for its truth
        assert codes(more) - full == {"OK", "INVALID_ARGUMENT", "PERMISSION_DENIED"}
        assert counted(at["metrics"], "keyhole.v1.Referee") == ends + more
        assert (ends + more).total() == COUNT
        assert monitor.terminate() == 0
    told = {witness: set(), conclude: set()}
    for (name, (message,), _), _ in acknowledged:
        kind = referee_pb2.Truth if name == witness else referee_pb2.Outcome
        told[name].add(kind.FromString(message).frame_id)
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as database:
        for name, column in ((witness, "captured_at"), (conclude, "concluded_at")):
            rows = database.execute(f"select frame_id from frames where {column} is not null").fetchall()
            assert {frame_id for (frame_id,) in rows} == told[name]
    assert (tmp_path / "report.html").exists()
