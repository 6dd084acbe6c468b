"""Values of arguments and shapes of tensors, as entries, inputs and cases hold them."""

from typing import Annotated

import msgspec

Word = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer of 64 bits."""
Value = bool | Word | float | Annotated[str, msgspec.Meta(max_length=10_000)]
Extent = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Shape = Annotated[tuple[Extent, ...], msgspec.Meta(max_length=1_000)]
MAX_ELEMENTS = 2**63 // 8  # torch keeps sizes in bytes, up to 8 an element, in 64 bits
