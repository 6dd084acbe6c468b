"""Ceilings of a device: its rates of products, and of bytes to and from each level of memory."""
