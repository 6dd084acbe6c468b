"""The parts of the soak: its commands, what is done to them, and what must hold afterwards."""
