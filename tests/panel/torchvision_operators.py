"""What torchvision needs in order to be imported beside a build of torch that is not its own."""

import importlib.util
from pathlib import Path

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_LIBRARIES: list[torch.library.Library] = []  # a library's operators go when it is collected


def define_missing_operators() -> None:
    """Define ``torchvision::nms`` and ``qnms``, which its Python code registers kernels for.

    Does nothing where torchvision is absent or its own library loads, as beside the build of torch
    that it was made for. A wheel for CUDA beside a torch for the CPU does not load.
    """
    spec = importlib.util.find_spec("torchvision")
    if _LIBRARIES or spec is None or spec.origin is None:
        return
    compiled = Path(spec.origin).parent.glob("_C*.so")
    try:
        for library in compiled:
            torch.ops.load_library(library)
    except OSError:
        definitions = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            definitions.define(name + _SCHEMA)
        _LIBRARIES.append(definitions)
