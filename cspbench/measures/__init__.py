"""One file a measure: each takes a `Subject` and returns one record."""
