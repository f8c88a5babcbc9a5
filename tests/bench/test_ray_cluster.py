"""Which Ray cluster is joined, and what is said where it is not. Ray itself is played here; `test_ray.py` has it."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from keyhole.bench.ray_cluster import RayCluster
from keyhole.service.errors import UsageError


class AuthenticationError(Exception):
    pass


@pytest.fixture
def joined(monkeypatch, tmp_path):
    """Addresses that were joined, in order; Ray's own files are in a folder of the test."""
    addresses: list[str] = []
    fake = SimpleNamespace(
        init=lambda address, **_: addresses.append(address),
        shutdown=lambda: None,
        exceptions=SimpleNamespace(AuthenticationError=AuthenticationError),
    )
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return addresses


@pytest.fixture
def started_here(tmp_path):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("somewhere:6379\n")


def typed(monkeypatch, answer: str) -> None:
    terminal = io.StringIO(f"{answer}\n")
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", terminal)


def test_auto_joins_nothing_that_nobody_agreed_to(joined, started_here, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(UsageError, match=r"cluster at somewhere:6379\? Give --ray somewhere:6379 to do so"):
        RayCluster.at("auto")
    typed(monkeypatch, "n")
    with pytest.raises(UsageError, match="somewhere:6379"):
        RayCluster.at("auto")
    assert joined == []


def test_auto_says_which_and_joins_that_one(joined, started_here, monkeypatch, capsys):
    typed(monkeypatch, "y")
    assert RayCluster.at("auto") == RayCluster("somewhere:6379")
    assert "join the Ray cluster at somewhere:6379?" in capsys.readouterr().err
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:1")
    typed(monkeypatch, "y")
    assert RayCluster.at("auto") == RayCluster("elsewhere:1")


def test_auto_without_a_cluster(joined):
    with pytest.raises(UsageError, match=r"no cluster that this machine belongs to .*ray start --head"):
        RayCluster.at("auto")


def test_an_address_is_joined_as_it_is(joined):
    RayCluster.at("ray://there").check()
    assert joined == ["ray://there"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AuthenticationError("bad token"), r"refuses this machine's token \(bad token\).*RAY_AUTH_TOKEN"),
        (ConnectionError("gone"), r"no cluster there \(gone\).*ray start --head"),
    ],
)
def test_a_refused_token_is_not_an_absent_cluster(error, said, joined, monkeypatch):
    def fails(**_):
        raise error

    monkeypatch.setattr(sys.modules["ray"], "init", fails)
    with pytest.raises(UsageError, match=said):
        RayCluster("ray://there").check()


def test_an_older_ray_that_knows_no_tokens_is_joined(joined, monkeypatch):
    monkeypatch.setattr(sys.modules["ray"], "exceptions", SimpleNamespace())
    RayCluster("ray://there").check()
    assert joined == ["ray://there"]


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="pip install 'keyhole\\[ray\\]'"):
        RayCluster.at("auto")
