import torch

from trainables import draws


def test_one_seed_repeats_and_two_differ():
    first, again, other = (torch.rand(5, generator=draws.generator(seed, "noise", 1)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_batches_hold_each_row_at_most_once():
    rows, all_rows = (draws.epoch_rows(103, 10, last, draws.generator(0, "b")) for last in ("dropped", "kept"))
    assert rows.shape == (100,) and len(rows.unique()) == 100
    assert torch.equal(all_rows[:100], rows) and all_rows.sort().values.tolist() == list(range(103))
    assert [draws.steps(60_000, size, "kept") for size in (64, 256, 100)] == [938, 235, 600]


def test_permutations_have_one_fixed_point_on_average_and_often_none():
    drawn = draws.permutations(4_000, 20, draws.generator(0, "p"))
    assert torch.equal(drawn.sort(dim=1).values, torch.arange(20).expand(4_000, 20))
    fixed = (drawn == torch.arange(20)).sum(dim=1)
    assert abs(fixed.double().mean() - 1) < 0.06
    assert abs((fixed == 0).double().mean() - 0.368) < 0.03


def test_derangements_are_uniform_over_those_of_three():
    drawn = draws.derangements(2_000, 3, draws.generator(0, "d"))
    kinds, counts = drawn.unique(dim=0, return_counts=True)
    assert kinds.tolist() == [[1, 2, 0], [2, 0, 1]]
    assert abs(counts[0] - 1_000) < 100


def test_independent_rows_come_from_all_samples_with_repeats():
    drawn = draws.independent_rows(2_000, 50, draws.generator(0, "i")).view(200, 10)
    assert drawn.unique().tolist() == list(range(50))
    assert any(len(row.unique()) < 10 for row in drawn)
