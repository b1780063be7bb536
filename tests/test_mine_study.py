"""A study of one's own network: probed in one's own loop, estimated later, with the same tables as any."""

import numpy as np
import pytest
import torch
from torch import nn

import mine_study as ms
from trainables import records
from trainables.trial import activations

SETTINGS = ms.grid(noise_std=[0.5], epochs=[3], batch_size=[20], replicates=[1])
X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 2))


def probed(folder, seeds=(0, 1), epochs=(0, 2), **more) -> ms.Study:
    study = ms.Study(folder / "results", SETTINGS, seeds, **more)
    for seed in seeds:
        for epoch in epochs:
            study.probe(network(seed + epoch), X, Y, layers=["1", "output"], epoch=epoch, seed=seed)
    return study


def test_a_probed_study_runs_once_and_has_its_layers_in_every_row(tmp_path, capsys):
    study = probed(tmp_path)
    study.run()
    fits = ms.load(study.results).judged
    assert set(fits["pair"]) == {"X;1", "X;output", "Y;1", "Y;output"}
    assert sorted(set(fits["network_epoch"])) == [0, 2] and (fits["truth"] > 0).all()
    assert study.table("pairs")["seeds"].tolist() == [2] * 4
    capsys.readouterr()
    study.run()
    assert capsys.readouterr().out == ""  # nothing is missing
    assert len(records.trials(study.results).completed) == 2


def test_the_layers_are_those_of_the_network(tmp_path):
    model = network()
    study = ms.Study(tmp_path / "results", SETTINGS)
    study.probe(model, X, Y, layers=["1", "output"], epoch=0, seed=0)
    there = activations.of_seed(study.results, 0)
    trial = study.trials()[0]
    found = there.outputs(trial, 0, there.examples(torch.device("cpu")), ["1", "output"])
    model.eval()
    torch.testing.assert_close(found["1"], model[:2](X))
    torch.testing.assert_close(found["output"], model(X).softmax(dim=1))


def test_probing_leaves_the_network_as_it_was(tmp_path):
    model = network()
    model[0].eval()
    before, state = {name: one.clone() for name, one in model.state_dict().items()}, torch.get_rng_state()
    probing = ms.Study(tmp_path / "results", SETTINGS)
    probing.probe(model, X, Y, layers=["1"], epoch=0, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model] == [False, True, True, True] and model.training
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert not any(module._forward_hooks for module in model) and all(p.grad is None for p in model.parameters())


def test_given_activations_are_as_good_and_y_may_be_real_or_none(tmp_path):
    layers = {"a": np.random.default_rng(0).random((60, 3)), "b.c": X[:, :1]}
    real = ms.Study(tmp_path / "real", SETTINGS, bins=3)
    real.probe(X=X, y=X[:, 1], activations=layers, epoch=4, seed=0)
    real.run()
    fits = ms.load(real.results).judged
    assert set(fits["pair"]) == {"X;a", "X;b.c", "Y;a", "Y;b.c"}
    assert np.allclose(fits.loc[fits["variable"] == "Y", "ceiling"], np.log(3))
    none = ms.Study(tmp_path / "none", SETTINGS)
    none.probe(X=X, activations=layers, epoch=0, seed=0)
    none.run()
    assert set(ms.load(none.results).judged["pair"]) == {"X;a", "X;b.c"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"layers": ["9"]}, "layer is '9'"),
        ({"layers": []}, "layers is \\[\\]"),
        ({"y": Y[:-1]}, "there must be as many"),
        ({"y": X[:, 1]}, "y"),
        ({"seed": 5}, "seed is 5; it must be one of the study's, 0"),
        ({"epoch": -1}, "epoch is -1"),
        ({"activations": {"a": X}}, "both or none"),
        ({"X": None, "model": None, "activations": {"a": X}}, "X is None"),
    ],
    ids=str,
)
def test_bad_input_is_one_sentence_and_nothing_is_stored(tmp_path, given, said):
    study = ms.Study(tmp_path / "results", SETTINGS)
    arguments = {"model": network(), "X": X, "y": Y, "layers": ["1"], "epoch": 0, "seed": 0, **given}
    with pytest.raises(ms.InputError, match=said):
        study.probe(**arguments)
    assert activations.of_seed(study.results, 0) is None
    with pytest.raises(ms.InputError, match="nothing is there of \\[0\\]"):
        study.run()


def test_what_has_been_estimated_cannot_change(tmp_path):
    study = probed(tmp_path, seeds=(0,), epochs=(0,))
    study.probe(network(7), X, Y, layers=["1", "output"], epoch=0, seed=0)  # not yet estimated
    study.run()
    study.probe(network(7), X, Y, layers=["1", "output"], epoch=0, seed=0)  # the same again
    with pytest.raises(ms.InputError, match="has been estimated with other activations"):
        study.probe(network(8), X, Y, layers=["1", "output"], epoch=0, seed=0)
    with pytest.raises(ms.InputError, match="without epoch 1"):
        study.probe(network(7), X, Y, layers=["1", "output"], epoch=1, seed=0)
    study.drop_activations()
    assert ms.load(study.results).judged["truth"].notna().all()
    more = ms.Study(study.results, ms.grid(noise_std=[1.0], epochs=[3], batch_size=[20], replicates=[1]))
    more.probe(network(7), X, Y, layers=["1", "output"], epoch=0, seed=0)  # what was dropped may come back
    more.run()
    assert len(records.trials(study.results).completed) == 2


def test_seeds_must_be_probed_alike(tmp_path):
    study = probed(tmp_path, epochs=(0,))
    study.probe(network(), X, Y, layers=["1", "output"], epoch=5, seed=1)
    with pytest.raises(ms.InputError, match="epochs of seed 1"):
        study.run()
    with pytest.raises(ms.InputError, match="X and y"):
        study.probe(network(), X + 1, Y, layers=["1", "output"], epoch=5, seed=0)


def test_noise_levels_say_what_is_left_and_whether_the_rows_decide():
    found = ms.noise_levels({"a": X}, Y, [0.1, 5.0], shares=(1, 0.5))
    assert list(found["rows"]) == [60, 60, 30, 30] and (found["truth_x"] <= found["ln_rows"]).all()
    assert found["truth_x"][[0, 2]].min() > 3 > 0.5 > found["truth_x"][[1, 3]].max()
