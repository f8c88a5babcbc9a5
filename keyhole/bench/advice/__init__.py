"""From measured figures to a choice: leak, Pareto front, recommendation."""
