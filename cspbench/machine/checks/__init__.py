"""Checks of how a machine is set: one function a setting, from a `Machine` to a `Finding`."""
