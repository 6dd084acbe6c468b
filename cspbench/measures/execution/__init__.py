"""Execution of cases: building a module on meta, fake or real tensors, and calling it."""
