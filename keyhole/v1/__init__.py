"""Stubs that `make proto` generates from proto/keyhole/v1."""
