#!/usr/bin/env bash
# grpcio 1.85.1: time_remaining() of a call without a deadline is 9.2e18 seconds on the server, not None.
#
# One would guess what its documentation says: "None if no deadline was specified". A handler that passes the number on
# to a wait, such as Future.result, ends with OverflowError, so that every call without a deadline fails.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet grpcio==1.85.1
"$folder/venv/bin/python" - <<'PY'
from concurrent.futures import Future, ThreadPoolExecutor
import grpc

seen = []

class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        def answer(request, context):
            seen.append(context.time_remaining())
            return b""
        return grpc.unary_unary_rpc_method_handler(answer)

server = grpc.server(ThreadPoolExecutor(1))
server.add_generic_rpc_handlers((Handler(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    call = channel.unary_unary("/service/method")
    call(b"")
    call(b"", timeout=60)
server.stop(None).wait()
done = Future()
try:
    done.result(seen[0])
    error = None
except OverflowError as overflow:
    error = overflow
print(f"grpcio {grpc.__version__}: without a deadline {seen[0]:.3g}, with one of 60 s {seen[1]:.3g}; a wait says: {error}")
assert seen[0] > 1e18 and 0 < seen[1] < 61 and error is not None
PY
