"""Structured pruning of heads (channels, attention heads, hidden units, residual mappings), by a plan that is kept."""
