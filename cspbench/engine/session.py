"""One ``run`` from its options to its report: begin anew or resume, measure, report."""

import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import msgspec

from .. import __version__
from ..catalogue import ENTRIES, find
from ..errors import CspbenchError
from ..machine import environment
from ..machine import noise_floor as noise
from ..measures.registry import stages
from ..measures.timing.yardstick import digest
from ..plan.case import MODES, Case, make_case
from ..plan.suite import Selection, Suite, built_in, load, shape_of, share_out
from ..records import folder as store
from ..records.assembly import Assembly
from ..records.folder import RunFolder
from ..records.lines import Stage
from ..records.machine import Environment, Git, GpuFound
from ..records.run import SCHEMA, SIDES, Run, RunInfo, Settings, Side, TrainingSettings
from . import preflight
from .batch_search import largest_batches
from .progress import Progress
from .runner import Runner

AUTO = "auto"
DEFAULT_SUITES = {"run": "blocks", "ab": "blocks", "gradients": "designs"}
_SELECTIONS = ("only", "mode", "precision", "batch_size", "img_size", "channels_last", "compiler")


class Session:
    """A run folder that is open for writing, and what it holds. Use as a context manager."""

    def __init__(
        self, folder: RunFolder, assembly: Assembly, roots: Mapping[Side, Path] | None = None
    ) -> None:
        self.path = folder.path
        self._folder = folder
        self._assembly = assembly
        self._roots = roots

    @classmethod
    def begin(cls, options: Mapping[str, Any], say: Callable[[str], None]) -> Self:
        """The session that a command line's ``options`` ask for.

        ``say`` is told what is found out before the run begins: batches, where they are to be.
        Raises `CspbenchError` for anything that cannot be measured as asked, and for a folder to
        resume whose suite, settings or environment differ.
        """
        if options["resume"] is not None:
            return cls._resume(options)
        device, gpus = preflight.devices_of(options["device"] or "cpu")
        settings = settings_of(options, device, gpus)
        if options["batch_size"] == AUTO:
            suite = _fitted(options, settings, gpus, say)
        else:
            suite = _suite(options, device)
        models = preflight.load(suite.cases, settings)
        return cls._create(options, _info(options, suite, settings, gpus, models))

    @classmethod
    def begin_ab(
        cls, options: Mapping[str, Any], revisions: Mapping[Side, str], roots: Mapping[Side, Path]
    ) -> Self:
        """The session in which two revisions take turns, checked out below ``roots``.

        Raises `CspbenchError` as `begin` does.
        """
        if options["batch_size"] == AUTO:
            raise CspbenchError("--batch-size auto is of run: both sides must have one batch")
        device, gpus = preflight.devices_of(options["device"] or "cpu")
        settings = settings_of(options, device, gpus)
        info = _info(options, both_sides(_suite(options, device)), settings, gpus)
        info = msgspec.structs.replace(info, revisions=dict(revisions))
        return cls._create(options, info, roots)

    @classmethod
    def _create(
        cls,
        options: Mapping[str, Any],
        info: RunInfo,
        roots: Mapping[Side, Path] | None = None,
    ) -> Self:
        place = options["out"]
        if place is None:
            started = datetime.fromisoformat(info.started)
            device = re.sub("[:,]", "", info.settings.device)
            place = f"results/{info.suite}-{device}-{started:%Y%m%dT%H%M%SZ}"
        elif not place:
            raise CspbenchError("--out takes a folder, got ''")
        return cls(RunFolder.create(Path(place), info), Assembly(info), roots)

    @classmethod
    def _resume(cls, options: Mapping[str, Any]) -> Self:
        if options["out"] is not None:
            raise CspbenchError("--resume goes on in its own folder: leave out --out")
        folder, assembly = RunFolder.resume(Path(options["resume"]))
        try:
            _check_same(assembly.info, options)
        except BaseException:
            folder.close()
            raise
        return cls(folder, assembly)

    def measure(self, progress: Progress) -> bool:
        """Measure what is missing; False where it was interrupted, with all kept so far."""
        try:
            Runner(self._folder, self._assembly, progress, self._roots).run()
        except KeyboardInterrupt:
            return False
        return True

    def read(self) -> Run:
        """The run as its folder holds it."""
        return store.read(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.close()


def _info(
    options: Mapping[str, Any],
    suite: Suite,
    settings: Settings,
    gpus: Sequence[GpuFound],
    models: Mapping[str, str] = MappingProxyType({}),
) -> RunInfo:
    """What a run of ``suite`` says of itself, beginning now."""
    described = environment.describe([gpu.description for gpu in gpus])
    return RunInfo(
        schema=SCHEMA,
        version=__version__,
        command=_command(options),
        suite=suite.name,
        description=suite.description,
        cases=suite.cases,
        settings=settings,
        environment=described,
        git=environment.git(),
        source=environment.source(),
        models=dict(models),
        yardstick=digest(settings.device),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        noise_floor=noise.load(environment.machine(described), settings),
        stages=_stages(options, settings),
    )


def both_sides(suite: Suite) -> Suite:
    """Every case of ``suite`` once a side; the candidate's reference is the baseline's."""
    cases = tuple(_one_side(case, side) for case in suite.cases for side in SIDES)
    return Suite(name=f"ab-{suite.name}", description=suite.description, cases=cases)


def _one_side(case: Case, side: Side) -> Case:
    return msgspec.structs.replace(
        case,
        key=f"{case.key} @ {side}",
        label=f"{case.label} @ {side}",
        reference=f"{case.key} @ baseline" if side == "candidate" else None,
        side=side,
    )


def _suite_name(options: Mapping[str, Any]) -> str:
    given = options["suite"]
    return DEFAULT_SUITES[options["verb_name"]] if given is None else str(given)


def _suite(options: Mapping[str, Any], device: str) -> Suite:
    """The suite that is asked for; of an entry, a suite of it alone."""
    name = _suite_name(options)
    if options["verb_name"] == "gradients" and (":" in name or name in ENTRIES):
        return _suite_of_entry(name, options)
    if options.get("overrides") or options.get("input"):
        raise CspbenchError(f"--set and --input are of an entry; {name!r} is a suite")
    return share_out([load(name, _selection(options, one)) for one in device.split(",")])


def _fitted(
    options: Mapping[str, Any],
    settings: Settings,
    gpus: Sequence[GpuFound],
    say: Callable[[str], None],
) -> Suite:
    """The suite with the largest batch of each case that fits. None has a reference any more.

    Latencies at different batches have no ratio that means anything.
    """

    def at(batch: int) -> Suite:
        return _suite({**options, "batch_size": (batch,)}, settings.device)

    suite = at(1)
    free = dict(zip(settings.device.split(","), (gpu.free_bytes for gpu in gpus), strict=False))
    budgets = [free.get(case.device, settings.memory_budget_bytes) for case in suite.cases]
    batches = largest_batches(suite.cases, budgets, settings, say)
    cases = [at(batch).cases[index] for index, batch in enumerate(batches)]
    alone = [msgspec.structs.replace(case, reference=None) for case in cases]
    return msgspec.structs.replace(suite, cases=tuple(alone))


def _suite_of_entry(name: str, options: Mapping[str, Any]) -> Suite:
    entry = find(name)
    shape = None if options["input"] is None else shape_of(options["input"])
    case = make_case(entry, dict(map(entry.parse, options["overrides"])), shape=shape, mode="train")
    plain = re.sub(r"[^\w.-]+", "-", Path(name).name).strip(".-")
    return Suite(name=plain, description=entry.description, cases=(case,))


def _stages(options: Mapping[str, Any], settings: Settings) -> tuple[Stage, ...]:
    """What the command measures of each case with ``settings``."""
    return stages("gradients" if options.get("verb_name") == "gradients" else "run", settings)


def _selection(options: Mapping[str, Any], device: str) -> Selection:
    mode: Any = "train" if options["verb_name"] == "gradients" else options["mode"]
    if options["precision"] == "tf32" and device == "cpu":
        raise CspbenchError(
            "--precision tf32 is a mode of CUDA devices; on a CPU: fp32, bf16, fp16 or amp"
        )
    return Selection(
        device=device,
        only=options["only"],
        mode=None if mode is None else MODES if mode == "both" else (mode,),
        precision=options["precision"],
        batch_size=options["batch_size"] or (),
        img_size=options["img_size"] or (),
        channels_last=options["channels_last"],
        compiler=options["compiler"],
    )


SAMPLING: dict[str, Any] = {
    "launches": 6,
    "turns": 10,
    "min_time_s": 0.001,
    "time_limit_s": 120.0,
    "allocator": "pinned",
    "seed": 0,
}
TRAINING: dict[str, Any] = {"seeds": 5, "steps": 200, "data": "digits", "head": "pool"}
"""How a suite is measured, and its blocks trained, unless the command line says otherwise."""


def _given_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "threads": "threads",
        "launches": "launches",
        "turns": "turns",
        "min_time": "min_time_s",
        "time_limit": "time_limit_s",
        "allocator": "allocator",
        "seed": "seed",
        "budget": "budget_s",
        "cold": "cold",
        "cuda_graph": "cuda_graph",
    }
    return {name: options[key] for key, name in names.items() if options.get(key) is not None}


def _training(options: Mapping[str, Any]) -> TrainingSettings | None:
    """How ``gradients`` trains; None where nothing is trained."""
    if options.get("verb_name") != "gradients" or options["no_training"]:
        return None
    given = {name: options[name] for name in TRAINING if options[name] is not None}
    return TrainingSettings(**{**TRAINING, **given})


def settings_of(options: Mapping[str, Any], device: str, gpus: Sequence[GpuFound] = ()) -> Settings:
    """What a command line asks for, the defaults where it is silent.

    Raises `CspbenchError` for more threads than cores, and for what only a GPU can do.
    """
    for name in ("cold", "cuda_graph"):
        if options.get(name) and not gpus:
            raise CspbenchError(
                f"--{name.replace('_', '-')} is of GPUs: it needs --device cuda, not {device}"
            )
    if options.get("cuda_graph") and options.get("compiler") == "cudagraphs":
        raise CspbenchError(
            "--cuda-graph captures what --compile cudagraphs has captured already: choose one"
        )
    cores = environment.usable_cores()
    if (options.get("threads") or 1) > cores:
        raise CspbenchError(
            f"--threads {options['threads']}: this process may use {cores} logical cores; "
            "more threads than that would measure the scheduler"
        )
    training = _training(options)
    defaults = {"threads": environment.physical_cores(), **SAMPLING}
    if training:
        defaults |= {"threads": 1, "time_limit_s": 600.0}
    return Settings(
        device=device,
        memory_budget_bytes=environment.memory_budget_bytes([gpu.free_bytes for gpu in gpus]),
        training=training,
        **{**defaults, **_given_settings(options)},
    )


def _check_same(info: RunInfo, options: Mapping[str, Any]) -> None:
    if options.get("batch_size") == AUTO:
        raise CspbenchError(
            f"--resume {options['resume']}: its batches were found when it began: leave out "
            "--batch-size auto"
        )
    if info.revisions:
        raise CspbenchError(
            f"--resume {options['resume']}: it holds two revisions, whose checkouts are gone; "
            "compare them anew (ab)"
        )
    try:
        models = preflight.load(info.cases, info.settings)
    except CspbenchError as error:
        raise CspbenchError(
            f"--resume {options['resume']}: {error}; go on from where it was begun"
        ) from error
    changed = sorted(name for name in info.models if models.get(name) != info.models[name])
    differences = [f"{name} has changed since" for name in changed]
    differences += _differences(info, options)
    if differences:
        raise CspbenchError(
            f"--resume {options['resume']}: it was begun otherwise: {'; '.join(differences)}. "
            "Ask for the same, or begin anew (--out)"
        )


def _differences(info: RunInfo, options: Mapping[str, Any]) -> Iterator[str]:
    """In what a run that is to go on differs from what is asked for now, and from this machine."""
    settings = info.settings
    there = {name: getattr(settings.training, name, None) for name in TRAINING}
    asked = {name: options[name] for name in TRAINING if options.get(name) is not None}
    for name, value in {**asked, **_given_settings(options)}.items():
        before = there[name] if name in there else getattr(settings, name)
        if before != value:
            yield f"{name} is {before} there, {value} was asked for"
    if options["device"] not in {None, "auto", settings.device}:
        yield f"device is {settings.device} there, {options['device']} was asked for"
    asked_for = msgspec.structs.replace(settings, training=_training(options))
    if info.stages != _stages(options, asked_for):
        yield "other measures were asked for there"
    if options["suite"] is not None or any(options.get(name) for name in _SELECTIONS):
        name = info.suite if options["suite"] is None else options["suite"]
        if options["suite"] is None and name not in built_in():
            raise CspbenchError(
                f"--resume {options['resume']}: to choose cases of its suite {name!r} anew, "
                "name the suite's file, too"
            )
        suite = _suite({**options, "suite": name}, settings.device)
        yield from _suite_differences(info, suite)
    _, gpus = preflight.devices_of(settings.device)
    here = environment.describe([gpu.description for gpu in gpus])
    yield from _environment_differences(info.environment, here)
    yield from _git_differences(info.git, environment.git())
    if info.yardstick != digest(settings.device):
        yield "the yardstick is another"
    if info.source != environment.source():
        yield "the code of cspbench has changed since"


def _suite_differences(info: RunInfo, suite: Suite) -> Iterator[str]:
    there = {case.key: case for case in info.cases}
    here = {case.key: case for case in suite.cases}
    for key in there.keys() - here.keys():
        yield f"only its suite has {key!r}"
    for key in here.keys() - there.keys():
        yield f"its suite lacks {key!r}"
    for key in there.keys() & here.keys():
        if there[key] != here[key]:
            yield f"{key!r} means something else there"


def _environment_differences(there: Environment, here: Environment) -> Iterator[str]:
    for name in ("device", "gpus", "python", "packages", "affinity"):
        before, now = getattr(there, name), getattr(here, name)
        if before != now:
            yield f"{name} was {before}, is {now}"


def _git_differences(there: Git | None, here: Git | None) -> Iterator[str]:
    if (there and there.commit) != (here and here.commit):
        yield (
            f"its commit is {there.commit[:12] if there else 'unknown'}, "
            f"this one is {here.commit[:12] if here else 'unknown'}"
        )


def _command(options: Mapping[str, Any]) -> str:
    """The command that repeats a run from the same place, into a folder of its own."""
    name = _repeatable(_suite_name(options))
    revisions = [options[side] for side in SIDES if options.get(side)]
    words = ["python", "-m", "cspbench", options["verb_name"], *revisions, name]
    if options.get("no_merge_base"):
        words.append("--no-merge-base")
    for override in options.get("overrides") or ():
        words += ["--set", override]
    for key in ("input", "device", "only", "mode", "precision", "batch_size", "img_size"):
        words += _option(key, options.get(key))
    for flag in ("channels_last", "cold", "cuda_graph"):
        if options.get(flag):
            words.append(f"--{flag.replace('_', '-')}")
    if options.get("compiler"):
        words += ["--compile", options["compiler"]]
    if options.get("no_training"):
        words.append("--no-training")
    for key in (
        *("threads", "launches", "turns", "min_time", "time_limit", "budget", "allocator"),
        *("seed", "seeds", "steps", "data", "head"),
    ):
        words += _option(key, options.get(key))
    return shlex.join(words)


def _repeatable(name: str) -> str:
    """An absolute path from here on; its last part where the two share no more than a home."""
    path = Path(name)
    if not path.is_absolute():
        return name
    shared = Path(os.path.commonpath([Path.cwd(), path]))
    if shared == Path.home() or shared in Path.home().parents:
        return path.name
    return os.path.relpath(path)


def _option(key: str, value: Any) -> list[str]:
    if value is None:
        return []
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if isinstance(value, float):
        text = f"{value:g}"
    return [f"--{key.replace('_', '-')}", text]
