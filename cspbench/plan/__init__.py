"""The plan: cases, the suites that list them, and the names that people read."""
