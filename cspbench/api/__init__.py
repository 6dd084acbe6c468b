"""The Python interface: `profile` a module or a catalogue entry, `read` and `compare` runs.

Only `profile` imports torch, so that runs can be read and compared where it is not installed.
"""

from .comparing import Comparison, compare
from .profiling import Profile, profile
from .reading import Run, read
from .records import Record

__all__ = ["Comparison", "Profile", "Record", "Run", "compare", "profile", "read"]
