"""Where cells are measured: processes of this machine, or a Ray cluster."""
