"""Defences of a classifier's training pictures: one method a file, each a frozen dataclass of its settings."""
