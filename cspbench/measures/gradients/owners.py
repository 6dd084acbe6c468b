"""Which module holds a weight, also one that is computed from others."""

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from ..execution.storages import storage_key


class WeightOwners:
    """Names of the modules that hold each weight, by its storage.

    The root module goes by its class's name. A tensor that is computed from weights alone, as a
    parametrization does, has the owners of all of them.
    """

    def __init__(self, module: nn.Module) -> None:
        self._names: dict[int, tuple[str, ...]] = {}
        self._storages: list[torch.UntypedStorage] = []  # held, so that no identity is used twice
        for name, parameter in module.named_parameters():
            owner = (
                name.rpartition(".")[0]
                .split(".parametrizations")[0]
                .removeprefix("parametrizations.")
            )
            self._add(parameter, (owner or type(module).__name__,))

    def of(self, weight: Tensor) -> str | None:
        """The names of the owners of ``weight``, None for a tensor without any."""
        names = self._names.get(storage_key(weight))
        return None if names is None else " + ".join(names)

    def derive(self, operands: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Give ``outputs`` the owners of all ``operands``, if there are any."""
        owners = [self._names.get(storage_key(operand), ()) for operand in operands]
        names = tuple(dict.fromkeys(chain.from_iterable(owners)))
        for output in outputs if names else ():
            self._add(output, names)

    def _add(self, tensor: Tensor, names: tuple[str, ...]) -> None:
        self._storages.append(tensor.untyped_storage())
        self._names.setdefault(storage_key(tensor), names)
