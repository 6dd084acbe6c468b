"""The Python interface: `profile` a module or a catalogue entry, `compare` two runs.

Only `profile` imports torch, so that runs can be compared where it is not installed.
"""

from .comparing import Comparison, compare
from .profiling import Profile, profile

__all__ = ["Comparison", "Profile", "compare", "profile"]
