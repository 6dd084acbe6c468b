"""Checks of a machine's settings: one function for each, from a `Machine` to a `Finding`."""
