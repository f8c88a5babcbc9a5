"""Tasks that a target is trained for."""
