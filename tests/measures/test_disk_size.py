"""The size on disk, against files that `torch.save` and safetensors really write."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import factories
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn

import cspbench
from cspbench.catalogue import find
from cspbench.measures.disk_size import disk_size
from cspbench.measures.execution.state_size import state_bytes
from cspbench.measures.execution.subject import BuiltSubject, ModuleSubject
from cspbench.plan.case import Precision, make_case
from cspbench.records.measurements import DiskSize

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


def torch_bytes(module: nn.Module, folder: Path) -> int:
    """The members of the archive that hold data of storages."""
    path = folder / "weights.pt"
    torch.save(module.state_dict(), path)
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist() if "/data/" in member.filename)


def safetensors_bytes(path: Path) -> int:
    """What follows the header, whose length the first eight bytes give."""
    header = int.from_bytes(path.read_bytes()[:8], "little")
    return path.stat().st_size - 8 - header


def saved_bytes(module: nn.Module, folder: Path) -> tuple[int, int]:
    """By `torch.save`, and by safetensors, which drops what is shared."""
    path = folder / "weights.safetensors"
    save_model(module, str(path))
    return torch_bytes(module, folder), safetensors_bytes(path)


class Tied(nn.Module):
    """A decoder whose weight is the encoder's, a buffer that is not saved, and one that is."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(4, 6, 1, bias=False)
        self.decoder = nn.Conv2d(4, 6, 1)
        self.decoder.weight = self.encoder.weight
        self.register_buffer("grid", torch.ones(100), persistent=False)
        self.register_buffer("scale", torch.ones(3, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.encoder(x) + self.decoder(x)
        return result


class SameStorage(nn.Module):
    """Two parameters of one storage: they are no longer one object."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.ones(5, 7))
        self.second = nn.Parameter(self.first.detach())


class Halves(nn.Module):
    """Two parameters that make up one storage."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.ones(8, 3)
        self.first, self.second = nn.Parameter(weight[:4]), nn.Parameter(weight[4:])


def test_a_convolution_with_normalisation_by_hand() -> None:
    """Four bytes a number, but for the counter of batches, which is an integer of eight."""
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    assert state_bytes(module) == 4 * (8 * 3 * 9 + 8 + 4 * 8) + 8


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16", "amp"])
@pytest.mark.parametrize("name", ["csp", "dense", "c3", "rep_c3"])
def test_catalogue_blocks_take_what_real_files_take(
    name: str, precision: Precision, tmp_path: Path
) -> None:
    """With batch normalisation, whose counters no precision changes; amp keeps the weights."""
    case = make_case(find(name), {}, precision=precision)
    module = BuiltSubject(case).real().to(HALF.get(precision, torch.float32))
    measured = disk_size(BuiltSubject(case)).disk_bytes
    assert (measured, measured) == saved_bytes(module, tmp_path)


@pytest.mark.parametrize("make", [Tied, SameStorage, Halves])
def test_what_is_shared_stands_once(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    """One object, one storage, and both halves of one; a buffer that is not persistent never."""
    module = make()
    measured = disk_size(ModuleSubject(factories.make_case("Good"), module)).disk_bytes
    assert measured == state_bytes(module) == torch_bytes(module, tmp_path)
    if make is not Halves:  # safetensors refuses to tell which of the two holds the storage
        assert measured == saved_bytes(module, tmp_path)[1]


def test_tied_weights_by_hand() -> None:
    """One weight of 6 x 4, a bias of 6 and a double buffer of 3; the other buffer is not saved."""
    assert state_bytes(Tied()) == 4 * (6 * 4 + 6) + 8 * 3


def test_of_a_larger_storage_the_view_counts(tmp_path: Path) -> None:
    """As safetensors stores it; `torch.save` stores all 1000 numbers."""
    module = nn.Module()
    module.register_buffer("part", torch.ones(1000)[:10])
    save_file({"part": module.get_buffer("part")}, tmp_path / "view.safetensors")
    assert state_bytes(module) == safetensors_bytes(tmp_path / "view.safetensors") == 40
    assert torch_bytes(module, tmp_path) == 4000


def test_overlapping_and_expanded_tensors_take_no_more_than_their_storage(tmp_path: Path) -> None:
    """A slice of a weight adds nothing, and a number that is repeated stands once."""
    module = nn.Module()
    weight = torch.ones(100)
    module.register_buffer("whole", weight)
    module.register_buffer("slice", weight[10:30])
    module.register_buffer("repeated", torch.ones(1).expand(50))
    assert state_bytes(module) == torch_bytes(module, tmp_path) == 400 + 4


def test_a_module_without_weights_takes_nothing() -> None:
    """Zero is what is stored."""
    assert state_bytes(nn.ReLU()) == 0


def test_profile_gives_it_and_changes_nothing() -> None:
    """It is a measure like the others."""
    module = nn.Linear(10, 5)
    profile = cspbench.profile(
        nn.Sequential(nn.Flatten(), module), (1, 10, 1, 1), measures=["disk_size"]
    )
    measured = profile.get(DiskSize)
    assert measured is not None
    assert measured.disk_bytes == 4 * 55
    assert module.weight.device.type == "cpu"


def test_a_model_that_reads_data_while_it_is_built_has_a_size() -> None:
    """It is built on real tensors, and its weights are counted without them."""
    case = factories.make_case("ReadsWhileBuilt")
    module = BuiltSubject(case).real()
    assert disk_size(BuiltSubject(case)).disk_bytes == sum(
        tensor.nbytes for tensor in module.state_dict().values()
    )
