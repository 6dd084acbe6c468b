"""The machine: devices, allocator, environment, and disturbances of measurements."""
