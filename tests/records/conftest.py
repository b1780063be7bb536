import pytest

from tests import made_results
from trainables.settings import TrialConfig


@pytest.fixture
def configs(tmp_path) -> list[TrialConfig]:
    """Two configurations with two seeds each, of two runs and two pairs."""
    pairs = {"mine.pairs": ("X;sm1", "Y;sm1")}
    return [
        made_results.write(str(tmp_path), {"seed": seed, "mine.noise_std": noise, **pairs}, level=2 - noise, runs=2)
        for noise in (0.0, 1.0)
        for seed in (0, 1)
    ]
