import itertools

import numpy as np
from scipy.special import entr

from trainables.subjects import binary_rule


def test_label_and_input_share_what_the_papers_share():
    inputs, labels, tested, tested_labels = binary_rule.load(None)
    patterns = np.concatenate([inputs, tested])
    assert len(np.unique(patterns, axis=0)) == len(patterns) == 4_096
    chance = binary_rule.probability(patterns)
    of_label, of_label_given_input = (np.mean(entr(p) + entr(1 - p)) / np.log(2) for p in (chance.mean(), chance))
    assert abs(of_label - 1) < 1e-6 and abs(of_label - of_label_given_input - 0.99) < 1e-3
    certain = np.abs(chance - 0.5) > 0.499
    drawn = np.concatenate([labels, tested_labels])
    assert (drawn == chance.round())[certain].all() and 0 < drawn[~certain].mean() < 1


def test_the_rule_is_invariant_under_rotations():
    points = binary_rule._icosahedron()
    # A rotation by 120 degrees about (1, 1, 1) carries corners to corners.
    carried = np.array([np.argmin(np.abs(points - point[[1, 2, 0]]).sum(axis=1)) for point in points])
    assert sorted(carried) == list(range(12)) and not np.array_equal(carried, np.arange(12))
    patterns = np.array(list(itertools.product((0.0, 1.0), repeat=12)), dtype=np.float32)
    np.testing.assert_allclose(
        binary_rule.probability(patterns), binary_rule.probability(patterns[:, carried]), atol=1e-6
    )
