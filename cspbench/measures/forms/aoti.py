"""A package of AOTInductor: the module as a shared library, by a C++ compiler.

The library is compiled for the number of threads that torch has while it is made.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from ...records.deployment import RuntimeOperator
from ..execution.call import Call
from ..execution.compiler_caches import compiler_cache, without_compiler_caches
from ..execution.inputs import Arguments
from ..execution.trees import tensors
from .base import Runtime
from .compiled import load_compiler
from .flat import Flat, exported, reason_of
from .quiet import quiet


class _Session:
    """A loaded package, called on the arguments' own tensors."""

    def __init__(self, path: Path, arguments: Arguments, threads: int) -> None:
        self.settings = {"threads": str(threads)}
        self._tensors = arguments.tensors
        # It compiles small libraries that say what the processor can: once a run, not a launch.
        with quiet(path.parent), compiler_cache(path.parent / "libraries"):
            from torch._inductor import aoti_load_package

            self._run: Any = aoti_load_package(str(path))
        self._outputs: object = ()

    def __call__(self) -> object:
        self._outputs = self._run(*self._tensors)
        return self._outputs

    def outputs(self) -> list[Tensor]:
        return [tensor.clone() for tensor in tensors(self._outputs)]


def _prepare(call: Call, path: Path, calibration: Sequence[Arguments]) -> dict[str, float]:  # noqa: ARG001 -- numbers stay as they are
    with without_compiler_caches():
        _load_compiler()
        started = perf_counter()
        program = exported(Flat(call.module, call.arguments))
        traced = perf_counter()
        _compile(program, path)
        return {"export": traced - started, "compile": perf_counter() - traced}


@cache
def _load_compiler() -> None:
    """Trace and compile trivial functions: loading the compiler takes seconds once a process."""
    exported(Flat(nn.ReLU(), Arguments((torch.zeros(8),), {})))
    load_compiler("compiled", "cpu")


def _compile(program: torch.export.ExportedProgram, path: Path) -> None:
    """Write the package; raises ValueError with the reason in its first line if there is none."""
    try:
        with torch.no_grad(), quiet():
            from torch._inductor import aoti_compile_and_package

            aoti_compile_and_package(program, package_path=str(path))
    except Exception as error:
        raise ValueError(f"torch.inductor: {reason_of(error)}") from error


def _no_operators(path: Path, arguments: Arguments, threads: int) -> tuple[RuntimeOperator, ...]:  # noqa: ARG001 -- it has no profile
    return ()


RUNTIME = Runtime(
    extra="aoti",
    packages=(),
    suffix=".pt2",
    prepare=_prepare,
    load=_Session,
    operators=_no_operators,
)
