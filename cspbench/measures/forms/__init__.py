"""Forms of a model: one file each, registered in `registry`."""
