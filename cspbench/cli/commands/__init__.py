"""The commands: each takes its request, prints, and returns an exit code."""
