"""The engine: measures cases in fresh worker processes and records the results."""
