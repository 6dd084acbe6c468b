"""The defaults of options that measure, as ``--help`` states them.

It imports nothing heavy, so that ``--help`` is fast. `engine.settings` builds the settings of a
run from them.
"""

from ..choices import Allocator, Head

SUITES = {"run": "blocks", "ab": "blocks", "gradients": "designs"}
DEVICE = "cpu"
ALLOCATOR: Allocator = "pinned"
SEED = 0

LAUNCHES = 6
"""Launches of each case; with a budget, those before its first verdict."""

BUDGETS_S = {"run": 120.0, "ab": 60.0}
"""The budget of each verb that has one, where neither --budget nor --launches is given."""

MIN_TIME_S = 0.001

TIME_LIMIT_S = 120.0

TRAINING_TIME_LIMIT_S = 600.0
TRAINING_THREADS = 1
TRAINING_SEEDS = 5
TRAINING_STEPS = 200
TRAINING_DATA = "digits"
TRAINING_HEAD: Head = "pool"
