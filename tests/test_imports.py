"""The import rules of the layout, each held to in a fresh process."""

import subprocess
import sys
from pathlib import Path

from trainables.settings import replace

ROOT = Path(__file__).parents[1]


def run_without(modules: tuple[str, ...], program: str) -> subprocess.CompletedProcess:
    """Run a program in which importing any of the modules fails."""
    block = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {modules!r}: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
    )
    return subprocess.run([sys.executable, "-c", block + program], capture_output=True, text=True, cwd=ROOT)


def test_the_block_blocks():
    assert "ModuleNotFoundError" in run_without(("torch",), "import trainables.estimators.mine").stderr
    assert "ModuleNotFoundError" in run_without(("ray",), "import trainables.trial.ray_trainable").stderr


def test_analysis_needs_neither_torch_nor_ray():
    modules = [f"analysis.{path.stem}" for path in (ROOT / "analysis").glob("[!_]*.py")]
    assert "analysis.stability" in modules
    ended = run_without(("torch", "torchvision", "ray"), f"import {', '.join(modules)}")
    assert ended.returncode == 0, ended.stderr


def test_the_stability_table_imports_where_torch_is_none():
    program = "import sys\nsys.modules['torch'] = sys.modules['ray'] = None\nimport analysis.stability"
    ended = run_without((), program)
    assert ended.returncode == 0, ended.stderr


def test_a_table_is_made_without_torch_and_ray(tiny, tmp_path):
    import torch

    from trainables.trial import recorded as trial

    list(trial.run(replace(tiny, {"network.epochs": 1, "mine.epochs": 2}), str(tmp_path), torch.device("cpu")))
    ended = run_without(("torch", "ray"), f"from study.cli import main\nmain(['table', {str(tmp_path)!r}])")
    assert ended.returncode == 0, ended.stderr
    assert "| variable" in ended.stdout


def test_the_command_line_starts_without_torch_and_ray():
    ended = run_without(("torch", "ray"), "import study.cli")
    assert ended.returncode == 0, ended.stderr


def test_a_trial_runs_without_ray(tmp_path):
    arguments = [
        "trial", "--data.name", "digits", "--network.epochs", "1", "--network.train-samples", "200", "--mine.samples",
        "100", "--mine.batch-size", "50", "--mine.epochs", "2", "--threads", "1", "--results", str(tmp_path),
    ]  # fmt: skip
    ended = run_without(("ray",), f"from study.cli import main\nmain({arguments!r})")
    assert ended.returncode == 0, ended.stderr
    assert len(list((tmp_path / "trials").iterdir())) == 1
