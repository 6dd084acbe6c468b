"""Libraries imported ahead of any model.

Their first import takes seconds and changes the process (the search path, filters of warnings,
functions of torch), which would be ascribed to the model that happens to run.
"""

import warnings

import torch._dynamo  # noqa: F401

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import thop  # noqa: F401
