from pathlib import Path

import pytest

from trainables.records import resultfiles
from trainables.settings import InputError


def test_a_check_leaves_no_folder_behind(tmp_path):
    resultfiles.check_writable(str(tmp_path / "new" / "results"))
    resultfiles.check_writable(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for place in ("file", "file/results"):
        with pytest.raises(InputError, match="storage .* cannot be written"):
            resultfiles.check_writable(str(tmp_path / place), "storage")


def test_only_empty_folders_are_removed(tmp_path):
    results = str(tmp_path / "results")
    resultfiles.write_snapshot(results, resultfiles.PROBES, "one", b"")
    resultfiles.remove_if_empty(results, resultfiles.PROBES)
    assert resultfiles.read_snapshot(results, resultfiles.PROBES, "one") == b""
    resultfiles.delete_snapshot(results, resultfiles.PROBES, "one")
    (Path(results) / "kept").write_text("")
    resultfiles.remove_if_empty(results, resultfiles.PROBES)
    assert [path.name for path in Path(results).iterdir()] == ["kept"]
    (Path(results) / "kept").unlink()
    (Path(results) / resultfiles.PROBES).mkdir()
    resultfiles.remove_if_empty(results, resultfiles.PROBES)
    resultfiles.remove_if_empty(results, resultfiles.PROBES)  # nothing is there any more
    assert list(tmp_path.iterdir()) == []
