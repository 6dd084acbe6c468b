"""Measures: one file for each, which takes a `Subject` and returns a record."""
