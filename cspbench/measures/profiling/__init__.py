"""Profiles: times of a call's operators by `torch.profiler`, attributed to modules."""
