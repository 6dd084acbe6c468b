"""Distinct names, numbered in order of their first use."""


class Names:
    """Distinct names, each with the index of its first use."""

    def __init__(self) -> None:
        self._indices: dict[str, int] = {}

    def index(self, name: str) -> int:
        """The index of ``name``, which is added if it is new."""
        return self._indices.setdefault(name, len(self._indices))

    @property
    def all(self) -> tuple[str, ...]:
        """All names, in the order of their indices."""
        return tuple(self._indices)
