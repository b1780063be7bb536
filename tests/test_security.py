"""Nothing that is read runs code, and nothing that a user types reaches a shell."""

import ast
import io
import pickle
from pathlib import Path

import pytest
import torch

from trainables.settings import InputError
from trainables.trial import snapshots

ROOT = Path(__file__).parents[1]
SOURCES = [path for package in ("trainables", "study", "analysis") for path in (ROOT / package).rglob("*.py")]


class Malicious:
    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return Path.touch, (self.witness,)


def test_a_snapshot_that_would_run_code_is_refused(tmp_path):
    buffer = io.BytesIO()
    torch.save({"version": 1, "key": "k", "rows": Malicious(tmp_path / "ran")}, buffer)
    for content in (buffer.getvalue(), pickle.dumps(Malicious(tmp_path / "ran"))):
        with pytest.raises(InputError, match="cannot be read"):
            snapshots.parse(content, version=1, key="k")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pickle_and_no_shell(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            assert not {"pickle", "cloudpickle", "dill", "joblib", "shelve"} & {name.split(".")[0] for name in names}
        if isinstance(node, ast.Call):
            called, keywords = ast.unparse(node.func), {one.arg: ast.unparse(one.value) for one in node.keywords}
            assert called not in ("os.system", "os.popen", "eval", "exec"), called
            assert keywords.get("shell", "False") == "False"
            if called == "torch.load":
                assert keywords.get("weights_only") == "True"
