"""The commands, each taking its request, printing, and returning its exit code."""
