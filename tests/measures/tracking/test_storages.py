"""Live bytes by storage: views, what is freed, what is resized."""

import torch

from cspbench.measures.tracking.storages import StorageTracker


def test_views_expansions_and_freed_storages_are_followed() -> None:
    """Views of one storage count once; what is freed is taken off; what is reused counts again."""
    tracker = StorageTracker([])
    with tracker:
        base = torch.ones(100)
        views = [base.view(10, 10), base[5:], base.expand(3, 100), base.detach()]
        assert tracker.live["activations"] == 400
        del base
        assert tracker.live["activations"] == 400
        del views
        assert tracker.live["activations"] == 0
        tensor = torch.ones(50)
        assert tracker.live["activations"] == 200
    assert tensor.numel() == 50
    assert sum(tracker.peak.values()) == 400


def test_a_storage_that_is_resized_counts_with_its_new_size() -> None:
    """`resize_` grows a storage that is already known."""
    tracker = StorageTracker([])
    with tracker:
        tensor = torch.ones(10)
        tensor.resize_(1000)
        assert tracker.live["activations"] == 4000
