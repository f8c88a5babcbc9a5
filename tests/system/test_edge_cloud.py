"""Edges against a cloud over real sockets: answers, truth, batching, refusals, TLS."""

from __future__ import annotations

import threading

import grpc
import pytest
import torch
from safetensors.torch import save_file

from edge.process import edge
from edge.round_trip import BURST
from edge.settings import EdgeSettings
from keyhole.presentation.stages import STAGES, TOTAL
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.v1 import tap_pb2, tap_pb2_grpc
from keyhole.wire.channels import connect
from keyhole.wire.client import InferenceClient
from keyhole.wire.pictures import unpack_picture
from keyhole.wire.tls import make_certificates
from tests.data.layouts import draw, shade
from tests.system.frames import Edge, pictures
from tests.system.referee import notebook
from tests.system.running import CUT, TINY, running_cloud
from tests.system.tiny_target import LABELS, tiny


@pytest.fixture(scope="module")
def cloud():
    with running_cloud() as settings:
        yield settings


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates") / "tls"
    make_certificates(directory)
    return directory


def settings(cloud: str, **flags) -> EdgeSettings:
    return EdgeSettings(**{"target": TINY, "cut": CUT, "source": "leaves", "cloud": cloud, "fps": 0.0, **flags})


def run(*edges: EdgeSettings) -> None:
    """Run edges to their end, all at once."""
    threads = [threading.Thread(target=edge, args=(one, Stop())) for one in edges]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_two_edges_get_the_right_answers_through_shared_batches(cloud):
    with notebook() as book:
        run(
            settings(cloud.listen, name="left", seed=1, frames=40, monitor=book.address),
            settings(cloud.listen, name="right", seed=2, frames=40, monitor=book.address),
        )
    assert len(book.outcomes) == len(book.truths) == 80
    assert {frame_id.split("-")[0] for frame_id in book.outcomes} == {"left", "right"}
    assert book.dropped == []
    whole = Edge().whole(
        torch.stack([unpack_picture(book.truths[frame_id].picture, field="picture") for frame_id in book.outcomes])
    )
    assert [outcome.prediction for outcome in book.outcomes.values()] == [LABELS[row.argmax()] for row in whole]


def test_an_edge_goes_on_over_files_that_are_no_pictures(cloud, tmp_path, caplog):
    draw(tmp_path, [f"{part}/{n}.png" for part in ("audit", "public") for n in range(3)])
    for name, content in {"empty.jpg": b"", "page.jpg": b"<html>", "._0.png": b"litter", "notes.txt": b"words"}.items():
        (tmp_path / "audit" / name).write_bytes(content)
    with notebook() as book:
        run(settings(cloud.listen, source=str(tmp_path), frames=9, monitor=book.address))
    assert len(book.outcomes) == len(book.truths) == 9
    shown = {
        round(255 * float(unpack_picture(truth.picture, field="picture").mean())) for truth in book.truths.values()
    }
    assert shown == {shade(f"audit/{n}.png") for n in range(3)}
    for name in ("empty.jpg: the file is empty", "page.jpg: not a picture", "left out: 1 .txt"):
        assert caplog.text.count(name) == 1


def test_edges_of_one_name_that_start_together_share_no_frame_id(cloud):
    with notebook() as book:
        run(*(settings(cloud.listen, name="e" * 64, frames=10, monitor=book.address) for _ in range(4)))
    assert len(book.outcomes) == len(book.truths) == 40
    assert book.dropped == []


def test_the_monitor_learns_the_truth_first_then_the_outcome_with_its_stages(cloud):
    with notebook() as book:
        run(settings(cloud.listen, frames=5, monitor=book.address, codec="int8+zstd", link="lan"))
    for frame_id, outcome in book.outcomes.items():
        assert book.order.index(("truth", frame_id)) < book.order.index(("outcome", frame_id))
        assert set(outcome.stages) == {*STAGES, TOTAL}
        parts = sum(seconds for stage, seconds in outcome.stages.items() if stage != "total")
        assert parts == pytest.approx(outcome.stages["total"], rel=0.01)
        assert outcome.payload_bytes > 0
        assert outcome.edge == "edge-0"
    deployment = next(iter(book.truths.values())).deployment
    assert (deployment.target, deployment.cut, deployment.codec) == (TINY, "block.first", "int8+zstd")
    assert (deployment.link, deployment.defence, deployment.tls) == ("lan", "none", False)


def test_features_are_protected_and_every_truth_names_the_defence(cloud):
    with notebook() as book:
        run(settings(cloud.listen, frames=3, monitor=book.address, defence="gaussian:scale=.50"))
    assert len(book.answered) == 3
    assert {truth.deployment.defence for truth in book.truths.values()} == {"gaussian:scale=0.5"}


def test_a_head_alone_is_answered_with_nothing(tmp_path):
    state = tiny().model.state_dict()
    save_file({name: state[name] for name in state if not name.startswith("classifier")}, tmp_path / "head.safetensors")
    model = {"weights": str(tmp_path / "head.safetensors"), "head_only": True}
    with running_cloud(**model) as cloud, notebook() as book:
        run(settings(cloud.listen, frames=3, monitor=book.address, **model))
    assert len(book.answered) == 3
    assert {outcome.prediction for outcome in book.answered} == {""}


def test_a_link_slows_frames_down(cloud):
    with notebook() as book:
        run(settings(cloud.listen, frames=3, monitor=book.address, link="1mbit:50ms"))
    least = (2 * 8192 - BURST) * 8 / 1e6 + 2 * 0.05
    assert len(book.answered) == 3
    assert all(least < outcome.stages["network"] for outcome in book.answered)


def test_frames_beyond_the_bound_are_dropped_and_counted(cloud):
    with notebook() as book:
        run(settings(cloud.listen, frames=12, fps=50.0, in_flight=1, monitor=book.address, link="1mbit:100ms"))
    dropped = [frame_id for frame_id, outcome in book.outcomes.items() if outcome.dropped]
    assert len(book.outcomes) == 12
    assert set(book.dropped) == {"backlog"}
    assert len(dropped) >= 8
    assert not set(dropped) & set(book.truths)


def test_an_edge_goes_on_without_its_monitor(cloud, caplog, quiet_address):
    caplog.set_level("INFO")
    run(settings(cloud.listen, frames=3, monitor=str(quiet_address())))
    finished = next(record for record in caplog.records if record.message == "finished")
    assert (finished.taken, finished.sent, finished.answered) == (3, 3, 3)
    assert finished.undelivered == 6


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"link": "ltee"}, "no link 'ltee': nearest lte"),
        ({"codec": "fp23"}, "did you mean fp32"),
        ({"defence": "nome"}, "did you mean none"),
        ({"defence": "gaussian:sigma=1"}, "settings of gaussian: scale"),
        ({"name": "e" * 65}, "--name e+: expected up to 64 letters"),
        ({"in_flight": 0}, "--in-flight 0: expected 1 or more"),
        ({"cut": "stemm"}, "stem"),
        ({"cloud": "localhost"}, "expected HOST:PORT"),
    ],
)
def test_an_edge_refuses_wrong_settings_in_one_line(flags, message):
    with pytest.raises(UsageError, match=message):
        edge(settings(**{"cloud": "127.0.0.1:1", **flags}), Stop())


@pytest.mark.parametrize(
    ("flags", "difference"),
    [
        ({"cut": "stem"}, "cut is block.first there, stem here"),
        ({"target": "tests.system.tiny_target:other"}, "model hash is"),
        ({"size": 64}, "tensors is 1×8×16×16"),
    ],
)
def test_an_edge_refuses_a_cloud_that_runs_something_else(cloud, flags, difference):
    with pytest.raises(UsageError, match="same --target, --weights and --cut") as refusal:
        edge(settings(cloud.listen, frames=1, **flags), Stop())
    assert difference in str(refusal.value)


def test_an_edge_waits_for_its_cloud_and_says_so(caplog, quiet_address):
    address = str(quiet_address())
    waiting = threading.Thread(target=run, args=(settings(address, frames=2),))
    waiting.start()
    while "waiting for the cloud" not in caplog.text:
        waiting.join(0.02)
    with running_cloud(listen=address):
        waiting.join(60)
        assert not waiting.is_alive()


def test_an_edge_that_waits_can_be_stopped(quiet_address):
    stop = Stop()
    waiting = threading.Thread(target=edge, args=(settings(str(quiet_address())), stop))
    waiting.start()
    stop.set()
    waiting.join(30)
    assert not waiting.is_alive()


def test_an_edge_that_is_not_to_wait_for_ever_says_for_what_it_waited(quiet_address):
    with pytest.raises(UsageError, match=r"no cloud at .* within 0.2 s \(--wait-seconds\).*keyhole cloud"):
        edge(settings(str(quiet_address()), wait_seconds=0.2), Stop())


def test_an_edge_without_a_certificate_is_refused_and_one_with_is_served(certificates, tmp_path, caplog):
    stranger = tmp_path / "stranger"
    make_certificates(stranger)
    with running_cloud(tls=certificates, tap_token="s3cret") as cloud, notebook(certificates) as book:
        for tls in (None, stranger):
            with connect(cloud.listen, tls=tls, role="edge") as channel, pytest.raises(grpc.RpcError) as refusal:
                InferenceClient(channel).describe(5)
            assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE

        stop = Stop()
        refused = threading.Thread(target=edge, args=(settings(cloud.listen, frames=1), stop))
        refused.start()
        while "waiting for the cloud" not in caplog.text:
            refused.join(0.02)
        stop.set()
        refused.join(30)
        assert "start both with --tls" in caplog.text

        run(settings(cloud.listen, frames=3, tls=certificates, monitor=book.address))
        assert len(book.answered) == 3
        assert next(iter(book.truths.values())).deployment.tls


def test_the_cloud_tap_does_not_care_for_tls(certificates):
    frame = Edge().frame(pictures(1)[0])
    with (
        running_cloud(tls=certificates, tap_token="s3cret") as cloud,
        connect(cloud.listen, tls=certificates, role="adversary") as spy,
        connect(cloud.listen, tls=certificates, role="edge") as victim,
    ):
        stream = tap_pb2_grpc.TapStub(spy).Subscribe(
            tap_pb2.SubscribeRequest(), metadata=(("keyhole-tap-token", "s3cret"),), timeout=30
        )
        done = threading.Event()

        def keep_sending():
            while not done.wait(0.05):
                InferenceClient(victim).infer(frame, 10)

        sender = threading.Thread(target=keep_sending)
        sender.start()
        tapped = next(stream)
        done.set()
        sender.join()
        stream.cancel()
    assert tapped.frame.header == frame.header
    assert [tensor.payload for tensor in tapped.frame.tensors] == [bytes(tensor.payload) for tensor in frame.tensors]
