"""Everything that crosses a process boundary: codecs, messages, servers, channels, TLS."""
