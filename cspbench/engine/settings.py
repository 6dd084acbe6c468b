"""Settings of a run: the options of its request, and their defaults."""

from collections.abc import Sequence

import msgspec

from ..errors import CspbenchError
from ..machine import environment
from ..measures import registry
from ..measures.base import Command
from ..plan.case import Case
from ..records.lines import Stage
from ..records.machine import AvailableGpu
from ..records.run import Settings, TrainingSettings
from . import defaults
from .option_names import OPTIONS
from .request import (
    AbRequest,
    DoctorRequest,
    EngineRequest,
    GradientsRequest,
    RunRequest,
    SuiteRequest,
    chosen_options,
)

DEFAULT_TRAINING = TrainingSettings(
    seeds=defaults.TRAINING_SEEDS,
    steps=defaults.TRAINING_STEPS,
    data=defaults.TRAINING_DATA,
    head=defaults.TRAINING_HEAD,
)


def default_settings(device: str = defaults.DEVICE, gpus: Sequence[AvailableGpu] = ()) -> Settings:
    """The settings of a run on ``device`` without any options."""
    return Settings(
        device=device,
        threads=environment.physical_cores(),
        launches=defaults.LAUNCHES,
        turns=None,
        min_time_s=defaults.MIN_TIME_S,
        time_limit_s=defaults.TIME_LIMIT_S,
        allocator=defaults.ALLOCATOR,
        seed=defaults.SEED,
        memory_budget_bytes=environment.memory_budget_bytes([gpu.free_bytes for gpu in gpus]),
    )


def settings_of(request: EngineRequest, device: str, gpus: Sequence[AvailableGpu] = ()) -> Settings:
    """The settings of a run of ``request`` on ``device``.

    Raises `CspbenchError` for more threads than cores, and for GPU options without a GPU.
    """
    if isinstance(request, RunRequest | AbRequest):
        _check_gpu_options(request, device, gpus)
    chosen = chosen_settings(request)
    _check_threads(chosen.get("threads"))
    settings = default_settings(device, gpus)
    if trains(request):
        training = msgspec.structs.replace(DEFAULT_TRAINING, **chosen_training(request))
        settings = msgspec.structs.replace(
            settings,
            threads=defaults.TRAINING_THREADS,
            time_limit_s=defaults.TRAINING_TIME_LIMIT_S,
            training=training,
        )
    if "launches" not in chosen and not isinstance(request, DoctorRequest):
        budget_s = defaults.BUDGETS_S.get(request.verb)
        settings = msgspec.structs.replace(settings, budget_s=budget_s)
    return msgspec.structs.replace(settings, **chosen)


def trains(request: EngineRequest) -> bool:
    """Whether ``request`` trains the blocks that it traces."""
    return isinstance(request, GradientsRequest) and not request.no_training


def stages(
    request: SuiteRequest, settings: Settings, cases: Sequence[Case] = ()
) -> tuple[Stage, ...]:
    """The stages that ``request`` measures of ``cases`` with ``settings``."""
    command: Command = "gradients" if isinstance(request, GradientsRequest) else "run"
    return registry.stages(command, settings, cases)


def chosen_settings(request: EngineRequest) -> dict[str, object]:
    """The fields of `Settings` that ``request`` chooses, except the device."""
    names = set(Settings.__struct_fields__) - {"device"}
    return {name: value for name, value in chosen_options(request).items() if name in names}


def chosen_training(request: EngineRequest) -> dict[str, object]:
    """The fields of `TrainingSettings` that ``request`` chooses."""
    names = set(TrainingSettings.__struct_fields__)
    return {name: value for name, value in chosen_options(request).items() if name in names}


def _check_gpu_options(
    request: RunRequest | AbRequest, device: str, gpus: Sequence[AvailableGpu]
) -> None:
    sampling = request.sampling
    for name in ("cold", "cuda_graph", "energy"):
        if getattr(sampling, name) and not gpus:
            option = OPTIONS[name]
            raise CspbenchError(
                f"{option} needs a GPU, got --device {device} (use --device cuda, or leave out "
                f"{option})"
            )
    if sampling.cuda_graph and "compiled:cudagraphs" in request.selection.form:
        raise CspbenchError(
            "--cuda-graph and --compile cudagraphs both capture CUDA graphs; choose one of them"
        )


def _check_threads(threads: object) -> None:
    cores = environment.usable_cores()
    if isinstance(threads, int) and threads > cores:
        raise CspbenchError(
            f"--threads: expected at most the {cores} logical cores that this process may use, "
            f"got {threads}; more would measure the scheduler"
        )
