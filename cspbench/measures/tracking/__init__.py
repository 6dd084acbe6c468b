"""Memory of one call: storages of live tensors, allocators' peaks, and the time to compile."""
