"""The containers, built and brought up for real: ``make test-deploy``."""

import http.server
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "keyhole-test"
PORTS = {"KEYHOLE_PAGE_PORT": "18080", "KEYHOLE_PROMETHEUS_PORT": "19090"}
BUILD_ARGUMENTS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "TORCH_INDEX_URL")
SERVICES = ("edge", "cloud", "oracle", "adversary", "monitor")

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(2400)]


def compose(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    command = ["docker", "compose"] if plugin else ["docker-compose"]
    environment = {**os.environ, **PORTS, "DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", "0")}
    done = subprocess.run(
        [*command, "--project-name", PROJECT, "--file", str(ROOT / "deploy/compose.yaml"), *arguments],
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(done.args)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


@pytest.fixture(scope="module")
def stack() -> Iterator[None]:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        pytest.fail("no Docker engine answers; start one and try again")
    given = [flag for name in BUILD_ARGUMENTS if name in os.environ for flag in ("--build-arg", name)]
    compose("build", *given)
    try:
        compose("up", "--detach")
        yield
    finally:
        if os.environ.get("KEEP_STACK") is None:
            compose("down", "--volumes", "--timeout", "10", check=False)


def inside(service: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a service's container."""
    return compose("exec", "-T", service, "python", "-c", script, check=False)


def prometheus(query: str) -> list[dict]:
    address = f"http://127.0.0.1:{PORTS['KEYHOLE_PROMETHEUS_PORT']}/api/v1/query?query={urllib.parse.quote(query)}"
    with urllib.request.urlopen(address, timeout=5) as answer:
        return json.load(answer)["data"]["result"]


def eventually(probe, seconds: float, what: str):
    deadline = time.monotonic() + seconds
    seen = None
    while time.monotonic() < deadline:
        try:
            seen = probe()
        except OSError as error:
            seen = error
        else:
            if seen:
                return seen
        time.sleep(3)
    logs = compose("logs", "--tail", "15", check=False).stdout
    return pytest.fail(f"{what} did not come within {seconds:.0f} s (last seen: {seen})\n{logs}")


def test_every_process_is_scraped(stack):
    def up() -> bool:
        return {row["metric"]["process"] for row in prometheus("up == 1")} == set(SERVICES)

    eventually(up, 240, "all five processes at Prometheus")


def test_scores_of_all_attacks_reach_prometheus(stack):
    def scored() -> bool:
        rows = prometheus('keyhole_ssim_count{process="monitor"} > 0')
        return {row["metric"]["attack"] for row in rows} == {
            "pixels-black-prepared",
            "pixels-white",
            "decoder-white",
            "diffusion-ladder",
            "blind",
        }

    eventually(scored, 300, "scores of all attacks")
    mean = prometheus('sum(keyhole_ssim_sum{process="monitor"}) / sum(keyhole_ssim_count{process="monitor"})')
    assert -1 <= float(mean[0]["value"][1]) <= 1


def test_the_page_is_served(stack):
    def page() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORTS['KEYHOLE_PAGE_PORT']}", timeout=5) as answer:
            return b"Keyhole" in answer.read()

    eventually(page, 60, "the page")


REACH = """
import socket, sys
try:
    socket.create_connection((sys.argv[1] if len(sys.argv) > 1 else HOST, PORT), timeout=4).close()
except OSError as error:
    sys.exit(f"unreachable: {error}")
"""


def reaches(service: str, host: str, port: int) -> bool:
    done = inside(service, f"HOST, PORT = {host!r}, {port}\n{REACH}")
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def inspected(service: str) -> dict:
    """What the engine knows of a service's container."""
    container = compose("ps", "-q", service).stdout.split()[0]
    (found,) = json.loads(subprocess.run(["docker", "inspect", container], capture_output=True, check=True).stdout)
    return found


def addresses_of(service: str) -> dict[str, str]:
    """IP addresses of a service's container by network, so that a missing name proves nothing by itself."""
    networks = inspected(service)["NetworkSettings"]["Networks"]
    return {name.removeprefix(f"{PROJECT}_"): network["IPAddress"] for name, network in networks.items()}


def gateways_of(service: str) -> list[str]:
    """Where the host would be on each of a service's networks."""
    names = [f"{PROJECT}_{name}" for name in addresses_of(service)]
    found = json.loads(subprocess.run(["docker", "network", "inspect", *names], capture_output=True, check=True).stdout)
    return [network["IPAM"]["Config"][0]["Gateway"].partition("/")[0] for network in found]


@pytest.mark.parametrize(("host", "port"), [("cloud.tap", 50051), ("oracle.lab", 50052), ("monitor.submit", 50062)])
def test_the_adversary_reaches_what_it_may(stack, host, port):
    eventually(lambda: reaches("adversary", host, port), 60, f"{host}:{port} from the adversary")


@pytest.mark.parametrize(
    ("service", "port"),
    [("edge", 9100), ("monitor", 50061), ("monitor", 8080), ("monitor", 9100), ("prometheus", 9090)],
)
def test_the_adversary_reaches_nothing_that_holds_the_truth(stack, service, port):
    addresses = addresses_of(service)
    assert all(addresses.values())
    assert addresses
    for network, address in addresses.items():
        assert not reaches("adversary", address, port), f"{service}:{port} on {network}"


def test_what_the_adversary_cannot_reach_is_there(stack):
    eventually(lambda: reaches("edge", "monitor.truth", 50061), 60, "the truth port from the edge")
    for address, port in ((addresses_of("monitor")["truth"], 9100), (addresses_of("prometheus")["front"], 9090)):
        service = "monitor" if port == 9090 else "edge"
        eventually(lambda s=service, a=address, p=port: reaches(s, a, p), 60, f"{address}:{port} from {service}")


def test_the_adversary_reaches_no_service_of_the_host(stack):
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ways = gateways_of("adversary")
        assert len(ways) == len(addresses_of("adversary"))
        assert not any(reaches("adversary", way, server.server_port) for way in ways)
        assert any(reaches("monitor", way, server.server_port) for way in gateways_of("monitor"))
        server.shutdown()


@pytest.mark.parametrize("service", [*SERVICES, "prometheus"])
def test_memory_and_processes_are_bounded_and_ports_are_for_this_machine(stack, service):
    found = inspected(service)
    assert 0 < found["HostConfig"]["Memory"] <= 4 << 30
    assert 0 < found["HostConfig"]["PidsLimit"] <= 256
    published = [place for places in found["HostConfig"]["PortBindings"].values() for place in places]
    assert {place["HostIp"] for place in published} <= {"127.0.0.1"}
    assert bool(published) == (service in ("monitor", "prometheus"))


def test_the_tap_has_a_token_of_its_own_that_two_services_can_read(stack):
    read = "print(open('/secrets/tap/token').read().strip())"
    first, second = (inside(service, read).stdout.strip() for service in ("cloud", "adversary"))
    assert first == second
    assert len(first) >= 32
    for service in ("edge", "oracle", "monitor"):
        assert "No such file" in inside(service, read).stderr
    compose("up", "--detach")
    assert inside("cloud", read).stdout.strip() == first


def test_models_of_ones_own_can_be_read_and_not_written(stack):
    for service in ("edge", "cloud", "oracle", "adversary"):
        done = inside(service, "import os; print(os.listdir('/models')); open('/models/mine', 'w')")
        assert done.stdout.strip() == "[]"
        assert "Read-only file system" in done.stderr
    assert inside("monitor", "import os; print(os.path.exists('/models'))").stdout.strip() == "False"
