"""A case's module and one call of it: built anew on meta, fake or real tensors, and run."""
