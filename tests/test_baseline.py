"""The numbers on the test part that lesson 4 quotes. The lesson itself leaves the test part in its drawer."""

import pytest
import torch

from lessonlib.baseline import l1_distance, l2_distance, mean_images, nearest_mean
from lessonlib.data import Digits


def test_the_numbers_on_the_test_part_that_the_lesson_quotes(mnist: Digits):
    """Built on the 60,000 pictures of the training and validation part, counted on the 10,000 of the test part."""
    images = torch.cat([mnist.train.x, mnist.valid.x]).float() / 255
    labels = torch.cat([mnist.train.y, mnist.valid.y])
    means, test_images = mean_images(images, labels), mnist.test.x.float() / 255
    of_two = means[[3, 7]]
    threes, sevens = test_images[mnist.test.y == 3], test_images[mnist.test.y == 7]
    right = [nearest_mean(threes, of_two, l1_distance) == 0, nearest_mean(sevens, of_two, l1_distance) == 1,
             *(nearest_mean(test_images, means, distance) == mnist.test.y for distance in (l1_distance, l2_distance))]
    assert [len(threes), len(sevens)] == [1010, 1028]
    assert [each.float().mean().item() for each in right] == pytest.approx([0.9168, 0.9854, 0.6685, 0.8203], abs=5e-5)
