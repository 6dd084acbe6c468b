"""Records: what is written of a run, and read back; plain values without torch."""
