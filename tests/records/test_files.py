from pathlib import Path

import pytest

from trainables.records import files
from trainables.settings import InputError


def test_a_check_leaves_no_folder_behind(tmp_path):
    files.check_writable(str(tmp_path / "new" / "results"))
    files.check_writable(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for place in ("file", "file/results"):
        with pytest.raises(InputError, match="storage .* cannot be written"):
            files.check_writable(str(tmp_path / place), "storage")


def test_only_empty_folders_are_removed(tmp_path):
    results = str(tmp_path / "results")
    files.write_snapshot(results, files.PROBES, "one", b"")
    files.remove_if_empty(results, files.PROBES)
    assert files.read_snapshot(results, files.PROBES, "one") == b""
    files.delete_snapshot(results, files.PROBES, "one")
    (Path(results) / "kept").write_text("")
    files.remove_if_empty(results, files.PROBES)
    assert [path.name for path in Path(results).iterdir()] == ["kept"]
    (Path(results) / "kept").unlink()
    (Path(results) / files.PROBES).mkdir()
    files.remove_if_empty(results, files.PROBES)
    files.remove_if_empty(results, files.PROBES)  # nothing is there any more
    assert list(tmp_path.iterdir()) == []
