"""The modules that hold weights, including weights computed from others."""

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from ..execution.storages import storage_key


class WeightOwners:
    """The names of the modules that hold each weight, by its storage.

    The root module has the name of its class. A tensor computed from weights alone, as by a
    parametrization, has the owners of all of them.
    """

    def __init__(self, module: nn.Module) -> None:
        self._names: dict[int, tuple[str, ...]] = {}
        self._storages: list[torch.UntypedStorage] = []  # kept alive, so that no key is reused
        for name, parameter in module.named_parameters():
            owner = (
                name.rpartition(".")[0]
                .split(".parametrizations")[0]
                .removeprefix("parametrizations.")
            )
            self._add(parameter, (owner or type(module).__name__,))

    def of(self, weight: Tensor) -> str | None:
        """The names of the owners of ``weight``; None if it has none."""
        names = self._names.get(storage_key(weight))
        return None if names is None else " + ".join(names)

    def derive(self, operands: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Set the owners of ``outputs`` to those of all ``operands``, if there are any."""
        owners = [self._names.get(storage_key(operand), ()) for operand in operands]
        names = tuple(dict.fromkeys(chain.from_iterable(owners)))
        for output in outputs if names else ():
            self._add(output, names)

    def _add(self, tensor: Tensor, names: tuple[str, ...]) -> None:
        self._storages.append(tensor.untyped_storage())
        self._names.setdefault(storage_key(tensor), names)
