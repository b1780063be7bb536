"""A network of one's own: how much do its layers know of the input and of the label, and is MINE's answer true?

    python examples/own_network.py --out results/own

Trains a small network of PyTorch on scikit-learn's digits, stores its layers' activations as it learns, estimates them,
and leaves records, table, information plane and report in the folder. About two minutes on two cores.
"""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn

import mine_study as ms

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", default="results/own")
out = parser.parse_args().out

pixels, labels = load_digits(return_X_y=True)
X, y = torch.from_numpy(pixels).float() / 16, torch.from_numpy(labels)


def train(seed: int):
    """Yields the network after some of its epochs."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 8), nn.Tanh(), nn.Linear(8, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(31):
        for rows in torch.randperm(len(X)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
            optimizer.step()
        if epoch in (0, 3, 10, 30):
            yield epoch, model


settings = ms.grid(noise_std=[0.1, 0.5], marginals=["independent"], epochs=[40], learning_rate=[1e-3], replicates=[1])
study = ms.Study(out, settings, seeds=range(2))
for seed in study.seeds:
    for epoch, model in train(seed):
        study.probe(model, X, y, layers=["1", "3", "output"], epoch=epoch, seed=seed)
study.run()
print(study.table("pairs", "noise_std=0.5").to_string())
study.plane("noise_std=0.5").save(f"{out}/plane.png")
print(study.report(f"{out}/report"))
