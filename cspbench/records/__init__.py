"""Records: the data of a run as it is written to disk and read back."""
