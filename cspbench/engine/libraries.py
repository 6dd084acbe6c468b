"""Libraries imported ahead of any model.

Their first import takes seconds and changes the process (the search path, filters of warnings,
functions of torch), which would be ascribed to the model that happens to run.
"""

import warnings

import torch
import torch._dynamo

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import thop  # noqa: F401

torch.optim.SGD([torch.zeros(1)])  # the first one of a class replaces that class's `step`
