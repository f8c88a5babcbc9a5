"""Remove structures from a model: channels, attention heads, hidden units, residual mappings; and remember which."""
