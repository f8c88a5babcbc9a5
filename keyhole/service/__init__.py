"""What every process shares: settings, logs, metrics, start and stop."""
