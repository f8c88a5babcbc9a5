"""Sizes and times that both ends of the wire agree on."""

from __future__ import annotations

KIB, MIB = 1 << 10, 1 << 20
MAX_MESSAGE = 64 * MIB
"""Bytes of the largest message, in either direction, and of the largest frame in chunks."""
MAX_CHUNK = MIB
"""Bytes of payload in one chunk of a streamed frame."""
UNARY_LIMIT = 8 * MIB
"""Frames with more bytes of payload than this go in chunks."""
MAX_ELEMENTS = MAX_MESSAGE
"""Elements of the largest tensor: one byte each, the least that a codec without zstd needs."""
MAX_RANK = 8
"""Dimensions of a tensor."""
MESSAGE_SECONDS = 30.0
"""Longest time that a server waits for a caller to send a message of a call, or to take one."""
FRAME_SECONDS = 60.0
"""Longest time from the first chunk of a frame to its last."""
