"""Complex convolutions, which torch computes as three real ones of the parts of their weight."""

from typing import Any
from weakref import WeakValueDictionary

from torch import Tensor


class ComplexParts:
    """Recognises the three real convolutions that compute a complex one.

    torch convolves with the real part of a weight, with its imaginary part, and with their sum, in
    this order.
    """

    def __init__(self) -> None:
        self._complex: WeakValueDictionary[int, Any] = WeakValueDictionary()
        self._sums: WeakValueDictionary[int, Any] = WeakValueDictionary()
        self._whole: dict[int, int] = {}  # of each sum, the storage of its parts
        self._recent: list[tuple[int, int]] = []

    def record(self, name: str, arguments: list[Tensor], result: Tensor) -> None:
        """Follow the parts of complex tensors through the operator ``name``."""
        if name == "view_as_real":
            storage = result.untyped_storage()
            self._complex[storage._cdata] = storage
        elif name == "add" and len(arguments) == 2 and self._complex:
            left, right = (tensor.untyped_storage()._cdata for tensor in arguments)
            if left == right and left in self._complex:
                storage = result.untyped_storage()
                self._sums[storage._cdata] = storage
                self._whole[storage._cdata] = left

    def completes(self, weight: Tensor) -> bool:
        """Whether a convolution with ``weight`` is the third of a complex one."""
        if not self._complex:
            return False
        key = weight.untyped_storage()._cdata
        if key in self._complex:
            self._recent = [*self._recent[-1:], (key, int(weight.storage_offset()) % 2)]
            return False
        whole = self._whole[key] if key in self._sums else None
        is_third = self._recent == [(whole, 0), (whole, 1)]
        self._recent = []
        return is_third
