"""Layers of any network stand in every table and figure, in the network's order, whatever else is in the folder."""

import re

import pytest

from analysis import (
    Results,
    cells,
    configurations,
    figures,
    layer_order,
    layout,
    pair_curves,
    planes,
    report,
    sparklines,
    tables,
)
from tests import made_results
from trainables.errors import InputError

LAYERS = ["tanh1", "tanh2", "tanh3", "sm1"]
PAIRS = [f"{variable};{layer}" for variable in "XY" for layer in LAYERS]
MLP = {"network.name": "mlp", "data.name": "digits"}


@pytest.fixture(scope="module")
def mlp(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("mlp"))
    for seed in (0, 1):
        made_results.write(folder, {**MLP, "seed": seed, "mine.epochs": 40})
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> str:
    """LeNet-5 and the MLP in one folder."""
    folder = str(tmp_path_factory.mktemp("both"))
    for name in ("lenet5", "mlp"):
        made_results.write(folder, {**MLP, "network.name": name, "mine.epochs": 40})
    return folder


def test_layers_and_pairs_are_in_the_networks_order(mlp, both):
    assert configurations.layers(Results(mlp).trials) == LAYERS
    assert Results(mlp).estimates["pair"].cat.categories.tolist() == PAIRS
    both_orders = configurations.layers(Results(both).trials)
    assert both_orders == ["maxpool1", "maxpool2", "relu3", "tanh1", "tanh2", "tanh3", "sm1"]


def test_tables_have_every_pair_and_neighbours_of_one_network_alone(mlp, both):
    assert tables.build("pairs", mlp)[0]["pair"].tolist() == PAIRS
    neighbours = ["tanh1, tanh2", "tanh2, tanh3", "tanh3, sm1"]
    assert tables.build("order", mlp)[0]["layers"].tolist() == 2 * neighbours
    rows = tables.build("order", both)[0]
    of_network = {name: group["layers"].tolist() for name, group in rows.groupby("network.name")}
    assert of_network == {"mlp": 2 * neighbours, "lenet5": 2 * ["maxpool1, maxpool2", "maxpool2, relu3", "relu3, sm1"]}
    results = Results(both)
    found = layer_order.neighbours(cells.arrange(results, "variable")[0], results.rule)
    assert (found.groupby(["key", "row", "run", "replicate"]).size() == 3).all() and found[
        "violated_truth"
    ].notna().all()
    assert "relu3, tanh1" not in set(found["layers"])
    ranks = tables.build("consistency", both)[0][["agreement_replicates", "tau_truth"]]
    assert ranks.to_numpy() == pytest.approx(1)  # of each network's own layers


def test_figures_have_every_layer(mlp):
    results = Results(mlp)
    judged = results.judged
    points = planes.points(judged[judged["key"] == judged["key"].iloc[0]])
    assert set(points["layer"]) == set(LAYERS)
    made = {one.name.split("_")[0]: one.figure for one in figures.draw(results)}
    for kind in {"plane", "truth"} & made.keys():
        made[kind].draw_without_rendering()
        named = [text.get_text() for text in made[kind].legends[0].get_texts()]
        assert [name for name in named if name in LAYERS] == LAYERS, kind
    assert "plane" in made
    (block,) = sparklines.draw(results)
    assert [spark.pair for spark in block.sparks] == PAIRS


def test_the_pair_that_is_drawn_where_none_is_named_is_the_first_of_the_results(mlp, tmp_path):
    assert "X;tanh1" in pair_curves.draw(Results(mlp)).get_suptitle()
    made_results.write(str(tmp_path), {**MLP, "mine.pairs": ("Y;tanh2", "Y;sm1"), "mine.epochs": 40})
    assert "Y;tanh2" in pair_curves.draw(Results(str(tmp_path))).get_suptitle()


def test_the_page_names_every_pair_and_draws_every_curve(mlp, tmp_path):
    text = report.write(mlp, str(tmp_path / "out")).read_text()
    assert all(re.search(rf"\b{pair}\b", text) for pair in PAIRS)


def test_sixty_three_layers_are_told_apart():
    styles = layout.layer_styles(map(str, range(63)))
    assert len(set(styles.values())) == 63


@pytest.mark.parametrize("pair", [None, "X;sm1"])
def test_a_folder_without_a_row_that_can_be_read_has_no_curves_and_says_so(tmp_path, pair):
    made_results.write(str(tmp_path), MLP)
    for part in (tmp_path / "trials").iterdir():
        part.write_bytes(b"PAR1")
    with pytest.raises(InputError, match="hold no completed trial"):
        pair_curves.draw(Results(str(tmp_path)), pair)
