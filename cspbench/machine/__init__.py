"""The machine: devices, allocator, environment, and what else disturbs a measurement."""
