from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import torch
from cryptography import x509

from keyhole.service.errors import UsageError
from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, tensor_pb2
from keyhole.wire.channels import connect, wait_ready
from keyhole.wire.client import InferenceClient
from keyhole.wire.commands import CertsSettings, certs
from keyhole.wire.frames import PackedFrame, pack_frame
from keyhole.wire.server import RunningServer, inference_registration, serve
from keyhole.wire.tls import ROLES, channel_credentials, make_certificates, server_credentials


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "certificates"
    assert certs(CertsSettings(path)) == 0
    return path


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "other"
    make_certificates(path)
    return path


@pytest.fixture
def server(cloud: Any, directory: Path) -> Iterator[RunningServer]:
    running = serve([inference_registration(cloud.echo)], "127.0.0.1:0", metrics=Metrics("cloud"), tls=directory)
    yield running
    running.stop(0)


@pytest.fixture
def frame(header: inference_pb2.FrameHeader, tensors: list[torch.Tensor]) -> PackedFrame:
    return pack_frame(header, tensors, tensor_pb2.CODEC_FP32)


def refused(channel: grpc.Channel, frame: PackedFrame) -> bool:
    with channel, pytest.raises(grpc.RpcError) as caught:
        InferenceClient(channel).infer(frame, 5)
    assert isinstance(caught.value, grpc.Call)
    return caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_both_ends_with_certificates_talk(
    server: RunningServer, directory: Path, frame: PackedFrame, host: str
) -> None:
    with connect(f"{host}:{server.port}", tls=directory, role="edge") as channel:
        assert InferenceClient(channel).infer(frame, 20).frame_id == frame.header.frame_id
    wait_ready(server.address, 20, tls=directory, role="edge")


def test_a_roles_folder_is_enough(server: RunningServer, directory: Path, frame: PackedFrame) -> None:
    with connect(server.address, tls=directory / "edge") as channel:
        assert InferenceClient(channel).infer(frame, 20)


def test_a_client_without_certificate_is_refused(server: RunningServer, directory: Path, frame: PackedFrame) -> None:
    trusting = grpc.ssl_channel_credentials((directory / "ca.crt").read_bytes())
    assert refused(grpc.secure_channel(str(server.address), trusting), frame)


def test_a_client_in_plain_text_is_refused(server: RunningServer, frame: PackedFrame) -> None:
    assert refused(connect(server.address), frame)


def test_a_client_of_another_authority_is_refused(
    server: RunningServer, directory: Path, other_authority: Path, frame: PackedFrame
) -> None:
    folder = other_authority / "edge"
    stranger = grpc.ssl_channel_credentials(
        (directory / "ca.crt").read_bytes(), (folder / "tls.key").read_bytes(), (folder / "tls.crt").read_bytes()
    )
    assert refused(grpc.secure_channel(str(server.address), stranger), frame)


def test_a_server_of_another_authority_is_refused(
    server: RunningServer, other_authority: Path, frame: PackedFrame
) -> None:
    assert refused(connect(server.address, tls=other_authority, role="edge"), frame)


def test_the_adversary_cannot_pose_as_the_cloud(cloud: Any, directory: Path, frame: PackedFrame) -> None:
    with pytest.raises(UsageError, match="the certificate of adversary is a client's"):
        server_credentials(directory, "adversary")
    poser = serve(
        [inference_registration(cloud.echo)], "127.0.0.1:0", metrics=Metrics("cloud"), tls=directory / "adversary"
    )
    assert refused(connect(poser.address, tls=directory, role="edge"), frame)
    poser.stop(0)


def test_each_role_has_a_certificate_for_its_own_name_alone(directory: Path) -> None:
    for role in ROLES:
        certificate = x509.load_pem_x509_certificate((directory / role / "tls.crt").read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [role, "localhost"]
        assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_keys_are_their_owners(directory: Path) -> None:
    keys = list(directory.rglob("*.key"))
    assert len(keys) == len(ROLES) + 1
    assert all(key.stat().st_mode & 0o077 == 0 for key in keys)


def test_an_authority_is_never_overwritten(directory: Path) -> None:
    with pytest.raises(UsageError, match="holds certificates already"):
        certs(CertsSettings(directory))


def test_wrong_directories_and_roles_say_what_to_do(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="keyhole certs"):
        channel_credentials(tmp_path, "edge")
    with pytest.raises(UsageError, match="unknown role 'clod': did you mean cloud"):
        channel_credentials(directory, "clod")
    with pytest.raises(UsageError, match="pass one role's folder: edge, cloud"):
        channel_credentials(directory)


def test_a_role_may_have_its_folder_already(tmp_path: Path) -> None:
    (tmp_path / "edge").mkdir()
    make_certificates(tmp_path)
    assert channel_credentials(tmp_path, "edge")
