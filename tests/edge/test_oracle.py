"""A live oracle: the edge's own features, counted, within a budget, and nothing for a bad query."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
import pytest
import torch
from PIL import Image

from edge.device import Device
from edge.oracle import MAX_PICTURES, NO_BUDGET, QueryAllowance
from keyhole.v1 import oracle_pb2, oracle_pb2_grpc, tensor_pb2
from keyhole.wire.channels import connect
from keyhole.wire.errors import WireError, violations
from keyhole.wire.pictures import pack_picture
from keyhole.wire.tensors import unpack
from tests.system.frames import Edge, pictures
from tests.system.running import metrics_page, running_oracle
from tests.system.tiny_target import SIZE

FP32 = tensor_pb2.CODEC_FP32


@pytest.fixture(scope="module")
def live():
    with running_oracle() as settings:
        yield settings


@pytest.fixture(scope="module")
def oracle(live):
    with connect(live.listen) as channel:
        yield oracle_pb2_grpc.OracleStub(channel)


def query(batch, codec: int = FP32) -> oracle_pb2.QueryRequest:
    return oracle_pb2.QueryRequest(pictures=[pack_picture(picture) for picture in batch], codec=codec)


def png(width: int, height: int, mode: str = "RGB") -> tensor_pb2.Picture:
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, "PNG")
    return tensor_pb2.Picture(png=buffer.getvalue())


@pytest.mark.parametrize("count", [1, 3])
def test_it_answers_with_the_edges_features(oracle, count):
    batch = pictures(count)
    answer = oracle.Query(query(batch), timeout=30)
    expected = Edge().device(batch)
    assert len(answer.tensors) == len(expected) == 2
    for tensor, wanted in zip(answer.tensors, expected, strict=True):
        torch.testing.assert_close(unpack(tensor, field="tensor"), wanted)


def test_pictures_that_are_not_square():
    network = "tests.targets.own_models:network"
    with (
        running_oracle(target=network, cut="0", size=(SIZE, SIZE // 2)) as settings,
        connect(settings.listen) as channel,
    ):
        stub, narrow = oracle_pb2_grpc.OracleStub(channel), pictures(2)[..., : SIZE // 2]
        (tensor,) = stub.Query(query(narrow), timeout=30).tensors
        assert list(tensor.spec.shape) == [2, 4, 4, 2]
        with pytest.raises(grpc.RpcError, match="expected 16×32 pixels, got 32×32"):
            stub.Query(query(pictures(1)), timeout=30)


def test_the_asked_codec_packs_the_answer(oracle):
    answer = oracle.Query(query(pictures(2), tensor_pb2.CODEC_INT8_ZSTD), timeout=30)
    assert {tensor.codec for tensor in answer.tensors} == {tensor_pb2.CODEC_INT8_ZSTD}


def test_it_counts_what_it_answered(live, oracle):
    before = oracle.Query(query(pictures(1)), timeout=30).answered
    answer = oracle.Query(query(pictures(3)), timeout=30)
    assert answer.answered == before + 3
    assert answer.remaining == NO_BUDGET
    assert f"keyhole_oracle_queries_total {answer.answered:.1f}" in metrics_page(live)


BAD_QUERIES = {
    "no pictures": (oracle_pb2.QueryRequest(codec=FP32), "pictures", f"expected 1 to {MAX_PICTURES} pictures, got 0"),
    "too many pictures": (
        oracle_pb2.QueryRequest(pictures=[png(32, 32)] * (MAX_PICTURES + 1), codec=FP32),
        "pictures",
        f"expected 1 to {MAX_PICTURES} pictures, got {MAX_PICTURES + 1}",
    ),
    "no codec": (query(pictures(1), 0), "codec", "expected one of fp32"),
    "an unknown codec": (query(pictures(1), 77), "codec", "got 77"),
    "another size": (
        oracle_pb2.QueryRequest(pictures=[png(32, 32), png(32, 31)], codec=FP32),
        "pictures[1]",
        "expected 32×32 pixels, got 32×31",
    ),
    "grey": (oracle_pb2.QueryRequest(pictures=[png(32, 32, "L")], codec=FP32), "pictures[0].png", "expected RGB"),
    "no PNG": (
        oracle_pb2.QueryRequest(pictures=[tensor_pb2.Picture(png=b"GIF89a")], codec=FP32),
        "pictures[0].png",
        "expected a PNG",
    ),
}


@pytest.mark.parametrize("case", BAD_QUERIES)
def test_a_bad_query_is_refused_and_costs_nothing(oracle, case):
    request, field, reason = BAD_QUERIES[case]
    before = oracle.Query(query(pictures(1)), timeout=30).answered
    with pytest.raises(grpc.RpcError) as refusal:
        oracle.Query(request, timeout=30)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations(refusal.value)[0][0] == field
    assert reason in refusal.value.details()
    assert oracle.Query(query(pictures(1)), timeout=30).answered == before + 1


def test_past_the_budget_queries_are_refused_and_smaller_ones_still_fit():
    with running_oracle(budget=5) as settings, connect(settings.listen) as channel:
        oracle = oracle_pb2_grpc.OracleStub(channel)
        assert oracle.Query(query(pictures(3)), timeout=30).remaining == 2
        with pytest.raises(grpc.RpcError) as refusal:
            oracle.Query(query(pictures(3)), timeout=30)
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "expected at most 2, what is left of a budget of 5, got 3" in refusal.value.details()
        answer = oracle.Query(query(pictures(2)), timeout=30)
        assert (answer.answered, answer.remaining) == (5, 0)


def test_the_budget_holds_when_many_ask_at_once():
    allowance = QueryAllowance(100)

    def ask(_: int) -> int:
        try:
            allowance.spend(3)
        except WireError:
            return 0
        return 3

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(200))) == 99
    assert allowance.spend(1) == (100, 0)


def test_it_protects_its_answers_with_numbers_of_its_own():
    with running_oracle(defence="gaussian:scale=0.5") as settings, connect(settings.listen) as channel:
        oracle = oracle_pb2_grpc.OracleStub(channel)
        first, second = (
            [unpack(tensor, field="tensor") for tensor in oracle.Query(query(pictures(1)), timeout=30).tensors]
            for _ in range(2)
        )
    plain = Edge().device(pictures(1))
    edge = Edge(defence="gaussian:scale=0.5").device(pictures(1))
    for answers in zip(plain, edge, first, second, strict=True):
        clean = answers[0]
        noises = [answer - clean for answer in answers[1:]]
        for noise in noises:
            assert (noise.std() / clean.std()).item() == pytest.approx(0.5, rel=0.15)
        assert torch.corrcoef(torch.stack([noise.flatten() for noise in noises])).tril(-1).abs().max() < 0.15


def test_a_query_that_it_has_begun_is_answered_while_it_stops(monkeypatch):
    begun, gate = threading.Event(), threading.Event()
    answers, compute = [], Device.__call__

    def held(device, batch):
        begun.set()
        assert gate.wait(60)
        return compute(device, batch)

    with ExitStack() as afterwards:
        with running_oracle() as settings:
            oracle = oracle_pb2_grpc.OracleStub(afterwards.enter_context(connect(settings.listen)))
            monkeypatch.setattr(Device, "__call__", held)
            asker = threading.Thread(
                target=lambda: answers.append(oracle.Query(query(pictures(2)), timeout=60).answered)
            )
            asker.start()
            assert begun.wait(60)
            threading.Timer(0.5, gate.set).start()
        asker.join(60)
    assert answers == [2]
