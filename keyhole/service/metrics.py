"""Prometheus metrics of one process, in a registry of its own."""

from __future__ import annotations

from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, start_http_server

from keyhole.service.address import Address
from keyhole.service.errors import AddressError

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_ATTACK = ("attack", "rung")  # of an attack that is no ladder the rung is empty


class Metrics:
    """The instruments that the processes share. Times are in seconds.

    Args:
        process: name of the process: edge, cloud, oracle, adversary or monitor.
    """

    def __init__(self, process: str) -> None:
        self.process = process
        self.registry = CollectorRegistry()
        self._server: tuple[WSGIServer, Thread] | None = None
        registry = self.registry
        Info("keyhole_process", "What this process is.", registry=registry).info({"process": process})
        self.rpc_seconds = Histogram(
            "keyhole_rpc_seconds", "Duration of calls served.", ["method", "code"], buckets=_SECONDS, registry=registry
        )
        self.rpc_total = Counter("keyhole_rpc_total", "Calls served.", ["method", "code"], registry=registry)
        self.stage_seconds = Histogram(
            "keyhole_stage_seconds", "Duration of a frame's stages.", ["stage"], buckets=_SECONDS, registry=registry
        )
        self.frames = Counter("keyhole_frames_total", "Frames by outcome.", ["outcome"], registry=registry)
        self.dropped = Counter("keyhole_dropped_total", "Frames dropped, by reason.", ["reason"], registry=registry)
        self.queue_depth = Gauge("keyhole_queue_depth", "Entries waiting.", ["queue"], registry=registry)
        self.tap_dropped = Counter("keyhole_tap_dropped_total", "Frames the tap's readers lost.", registry=registry)
        self.oracle_queries = Counter(
            "keyhole_oracle_queries_total", "Pictures the oracle answered.", registry=registry
        )
        self.attack_iterations = Counter(
            "keyhole_attack_iterations_total", "Steps of an attack's optimiser.", _ATTACK, registry=registry
        )
        self.attack_rate = Gauge(
            "keyhole_attack_iterations_per_second", "Speed of an attack's optimiser.", _ATTACK, registry=registry
        )

    def serve(self, address: str | Address) -> Address:
        """Serve ``/metrics`` over HTTP in a background thread.

        Returns:
            Where: with the port that was taken, where port 0 was asked for.

        Raises:
            OSError: the address cannot be listened on.
        """
        place = Address.parse(address) if isinstance(address, str) else address
        try:
            self._server = start_http_server(place.port, place.host, self.registry)
        except OSError as error:
            raise AddressError(f"cannot serve metrics on {place}: {error}; choose another --metrics address") from error
        return place.with_port(self._server[0].server_port)

    def close(self) -> None:
        """Stop serving ``/metrics``, where it is served."""
        if self._server:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join()
            self._server = None
