"""The engine: measures what was asked for in fresh worker processes, and records it."""
