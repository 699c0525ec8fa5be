"""Where numbers live, as far as it can be tried without a graphics card: mocks, and the device "meta"."""

from unittest.mock import patch

import pytest
import torch

from lessonlib.data import as_rows, pixel_stats
from lessonlib.device import find_device


def machine(cuda: int = 0, mps: bool = False):
    """A machine with so many CUDA devices."""
    return patch.multiple("torch.cuda", is_available=lambda: cuda > 0, device_count=lambda: cuda), patch(
        "torch.backends.mps.is_available", lambda: mps)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (30, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize(("cuda", "mps", "name", "found"), [
    (0, False, "auto", "cpu"), (0, True, "auto", "mps"), (2, True, "auto", "cuda"),
    (2, False, "cuda", "cuda"), (2, False, "cuda:0", "cuda:0"), (2, False, "cuda:1", "cuda:1"),
    (1, False, torch.device("cuda", 0), "cuda:0"), (1, False, torch.device("cuda"), "cuda"),
    (0, True, "mps:0", "mps:0"), (1, True, "cpu", "cpu"), (0, False, torch.device("cpu"), "cpu"),
])
def test_a_device_that_is_there_is_found(cuda, mps, name, found):
    of_cuda, of_mps = machine(cuda, mps)
    with of_cuda, of_mps:
        assert find_device(name) == torch.device(found)


@pytest.mark.parametrize(("cuda", "name", "words"), [
    (0, "cuda", "has no cuda device that PyTorch can use; take 'cpu', or 'auto'"),
    (0, "cuda:0", "has no cuda device"), (0, torch.device("cuda", 1), "has no cuda device"), (1, "mps", "has no mps device"),
    (1, "cuda:7", "has no cuda:7; its devices of that kind are: cuda:0$"),
    (2, torch.device("cuda", 2), "has no cuda:2; its devices of that kind are: cuda:0, cuda:1$"),
    (0, "cpu:3", "has no cpu:3; its devices of that kind are: cpu:0$"),
])
def test_a_device_that_is_not_there_is_an_error_that_names_those_that_are(cuda, name, words):
    of_cuda, of_mps = machine(cuda)
    with of_cuda, of_mps, pytest.raises(RuntimeError, match=words):
        find_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "cuda:one", "cuda:-1", "cuda0", "CPU", "meta", 0, None])
def test_a_name_that_it_does_not_know_is_an_error(name):
    of_cuda, of_mps = machine(cuda=1)
    with of_cuda, of_mps, pytest.raises(ValueError, match="expected a device out of auto, cpu, cuda, mps"):
        find_device(name)


def test_rows_stay_where_the_pictures_are_unless_told(images):
    assert as_rows(images, 0.1, 0.3).device == images.device
    assert as_rows(images.to("meta"), 0.1, 0.3).device.type == "meta"
    assert as_rows(images, 0.1, 0.3, device="meta").device.type == "meta"
    with torch.device("meta"):  # the device of what is made without saying where
        assert as_rows(images, 0.1, 0.3).device == images.device


def test_the_pictures_are_left_as_they_are(images):
    before, floats = images.clone(), images.float()
    as_rows(images, 0.1, 0.3)
    as_rows(floats, 0.1, 0.3)
    assert torch.equal(images, before)
    assert torch.equal(floats, before.float())


def test_pixels_are_counted_whatever_the_device_of_new_tensors_is(images):
    with torch.device("meta"):
        found = pixel_stats(images)
    assert found == pytest.approx(pixel_stats(images))
