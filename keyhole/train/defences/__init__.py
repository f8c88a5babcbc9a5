"""Defences that are trained: one method a file, each a frozen dataclass of its settings."""
