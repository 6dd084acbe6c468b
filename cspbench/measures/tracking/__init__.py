"""Memory of one call: the storages of live tensors, what allocators gave out, compiling."""
