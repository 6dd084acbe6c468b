"""How the cases of a run are built: from which checkout, and where the files of their forms lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..plan.case import Case
from ..records.run import Side

if TYPE_CHECKING:
    from ..measures.execution.subject import Subject


@dataclass(frozen=True, slots=True)
class Builds:
    """Builds cases in any process of a run; it is sent to workers, and loads torch there alone.

    ``roots`` holds the root of the checkout that builds the cases of each side, if there are two.
    ``files`` is the folder of the files that forms are, made once a run and read in every launch;
    None if no case has such a form.
    """

    roots: Mapping[Side, Path] = field(default_factory=dict)
    files: Path | None = None

    def subject(self, case: Case) -> "Subject":
        """The subject of ``case`` in its form."""
        from ..measures.forms.subjects import formed

        return formed(self.plain_subject(case), self.files)

    def plain_subject(self, case: Case) -> "Subject":
        """The subject of ``case`` as its builder makes it, whatever its form."""
        from ..measures.execution.subject import BuiltSubject

        root = next((root for side, root in self.roots.items() if side == case.side), None)
        return BuiltSubject(case, root)


PLAIN = Builds()
"""Builds by this process's own packages, in no form that is a file."""
