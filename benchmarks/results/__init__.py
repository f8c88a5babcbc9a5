"""Studies that make the tables of `docs/results.md`: commands, their JSON, and what the tables say of it."""
