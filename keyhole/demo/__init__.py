"""All the processes on one machine, for a while or until interrupted."""
