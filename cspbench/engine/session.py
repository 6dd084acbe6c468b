"""Sessions: a run from its request to its records."""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Self

import msgspec

from .. import __version__
from ..catalogue.entry import GRAPH_SUFFIX, is_own
from ..catalogue.sources import locate
from ..errors import CspbenchError
from ..machine import environment
from ..machine import noise_floor as noise
from ..measures.timing.yardstick import digest
from ..plan.case import Case
from ..plan.suite import Suite
from ..records.assembly import Assembly
from ..records.folder import RunFolder
from ..records.gate import Gate
from ..records.machine import AvailableGpu, Git
from ..records.run import SCHEMA, Run, RunInfo, Settings, Side
from . import preflight
from .ceilings import ceilings_of_cases
from .progress import Progress
from .repeat import command
from .request import AbRequest, GradientsRequest, RunRequest, SuiteRequest
from .resume import check_resumable
from .runner import Runner
from .settings import settings_of, stages
from .suites import both_sides, fitted_suite, suite_of


class Session:
    """A run folder that is open for writing, and its content. Use as a context manager."""

    def __init__(
        self, folder: RunFolder, assembly: Assembly, roots: Mapping[Side, Path] | None = None
    ) -> None:
        self.path = folder.path
        self._folder = folder
        self._assembly = assembly
        self._roots = roots

    @classmethod
    def begin(cls, request: RunRequest | GradientsRequest, say: Callable[[str], None]) -> Self:
        """Begin a new session, or resume one, as ``request`` asks.

        Fitted batches, and the ceilings of devices while they are measured, are reported to
        ``say``. Raises `CspbenchError` if the request cannot be
        measured, or if the suite, settings or environment of a resumed run differ.
        """
        if request.resume is not None:
            return cls._resume(request, Path(request.resume))
        device, gpus = preflight.devices_of(request)
        settings = settings_of(request, device, gpus)
        if isinstance(request, RunRequest) and request.is_batch_fitted:
            suite = fitted_suite(request, settings, gpus, say)
        else:
            suite = suite_of(request, device)
        models = preflight.load(suite.cases, settings)
        info = _info(request, suite, settings, gpus, models)
        if "traffic" in info.stages:
            ceilings = ceilings_of_cases(info.cases, settings, info.environment, say)
            info = msgspec.structs.replace(info, ceilings=ceilings)
        return cls._create(request, info)

    @classmethod
    def begin_ab(
        cls,
        request: AbRequest,
        revisions: Mapping[Side, str],
        roots: Mapping[Side, Path],
        gate: Gate,
    ) -> Self:
        """Begin a session in which two revisions take turns, to be compared through ``gate``.

        ``revisions`` holds the commit of each side, ``roots`` the root of its checkout. Raises
        `CspbenchError` like `begin`.
        """
        device, gpus = preflight.devices_of(request)
        settings = settings_of(request, device, gpus)
        suite = both_sides(suite_of(request, device))
        preflight.check_forms(suite.cases)
        _check_files(suite.cases, roots)
        info = _info(request, suite, settings, gpus)
        info = msgspec.structs.replace(info, revisions=dict(revisions), gate=gate)
        return cls._create(request, info, roots)

    @classmethod
    def _create(
        cls, request: SuiteRequest, info: RunInfo, roots: Mapping[Side, Path] | None = None
    ) -> Self:
        path = _default_path(info) if request.out is None else Path(request.out)
        return cls(RunFolder.create(path, info), Assembly(info), roots)

    @classmethod
    def _resume(cls, request: RunRequest | GradientsRequest, path: Path) -> Self:
        folder, assembly = RunFolder.resume(path)
        try:
            check_resumable(assembly.info, request)
        except BaseException:
            folder.close()
            raise
        return cls(folder, assembly)

    @property
    def info(self) -> RunInfo:
        """What is known of the run before anything is measured."""
        return self._assembly.info

    def measure(self, progress: Progress) -> bool:
        """Measure what is missing; False if it was interrupted, with all results so far kept."""
        try:
            Runner(self._folder, self._assembly, progress, self._roots).run()
        except KeyboardInterrupt:
            return False
        return True

    def read(self) -> Run:
        """The run as recorded; its folder is written anew if it was removed meanwhile."""
        with contextlib.suppress(CspbenchError):  # what was measured is at hand all the same
            self._folder.restore()
        return self._assembly.run()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.close()


def _default_path(info: RunInfo) -> Path:
    started = datetime.fromisoformat(info.started)
    device = re.sub("[:,]", "", info.settings.device)
    return Path("results", f"{info.suite}-{device}-{started:%Y%m%dT%H%M%SZ}")


def _info(
    request: SuiteRequest,
    suite: Suite,
    settings: Settings,
    gpus: Sequence[AvailableGpu],
    models: Mapping[str, str] = MappingProxyType({}),
) -> RunInfo:
    """The ``run.json`` of a run of ``suite`` that begins now."""
    current = environment.describe([gpu.description for gpu in gpus])
    return RunInfo(
        schema=SCHEMA,
        version=__version__,
        command=command(request),
        suite=suite.name,
        description=suite.description,
        cases=suite.cases,
        settings=settings,
        environment=current,
        git=environment.git(),
        source=environment.source(),
        models=dict(models),
        repositories=_repositories(models),
        yardstick=digest(settings.device),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        noise_floor=noise.load(environment.machine(current), settings),
        stages=stages(request, settings, suite.cases),
    )


def _check_files(cases: Iterable[Case], roots: Mapping[Side, Path]) -> None:
    """Raise `CspbenchError` if no revision has the catalogue, or the file of a model."""
    for builder in dict.fromkeys(case.build for case in cases):
        catalogue = Path("cspbench", "catalogue")
        if is_own(builder) and not any((root / catalogue).is_dir() for root in roots.values()):
            raise CspbenchError(
                "no cspbench/catalogue in either revision, which the entries come from; name your "
                "own models: ab BASE_REV HEAD_REV path/to/net.py:Net --input N,C,H,W"
            )
        file = Path(builder.rpartition(":")[0])
        if file.suffix not in {".py", GRAPH_SUFFIX}:
            continue
        if file.is_absolute() or not any((root / file).is_file() for root in roots.values()):
            raise CspbenchError(
                f"no file {file} in either revision; paths are relative to the root of the "
                "repository"
            )


def _repositories(models: Iterable[str]) -> dict[str, Git]:
    """The repository of each model that is in one."""
    codebases = {name: locate(name).codebase for name in models}
    roots = {name: codebase.root for name, codebase in codebases.items() if codebase}
    commits = {root: environment.repository(root) for root in set(roots.values())}
    return {name: git for name, root in roots.items() if (git := commits[root])}
