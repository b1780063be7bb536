"""Sweeps on real Ray nodes that lose workers, nodes, the driver or the results folder."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests import row_comparison
from tests.benchmarks import chaos, store_chaos
from tests.ray_nodes import Nodes, descendants, kill_all, start_sweep, title
from trainables import records

pytestmark = pytest.mark.cluster

SHORT = (
    "--network.epochs", "2", "--schedule.probe-every", "1", "--mine.samples", "200", "--mine.epochs", "4",
    "--seeds", "0", "--mine.marginals", "permutation", "--mine.noise-std", "0", "0.3", "1", "2",
)  # fmt: skip
"""Four trials of two probes each."""


@pytest.fixture(scope="module")
def nodes():
    """A head and two nodes of one processor."""
    with Nodes() as nodes:
        nodes.add()
        nodes.add()
        yield nodes


@pytest.fixture(scope="module")
def undisturbed(nodes, tmp_path_factory) -> str:
    """The rows of a sweep in which nothing happens."""
    results = str(tmp_path_factory.mktemp("undisturbed"))
    sweep = start_sweep(results, "--address", nodes.address, *SHORT)
    output, _ = sweep.communicate(timeout=400)
    assert sweep.returncode == 0, output
    return results


def wait_for(sweep, text: str) -> str:
    """Read a sweep's output up to a line that holds the text."""
    seen = []
    for line in sweep.stdout:
        seen.append(line)
        if text in line:
            return "".join(seen)
    pytest.fail(f"{text!r} was not said:\n{''.join(seen)}")


def finish(sweep) -> tuple[int, str]:
    output, _ = sweep.communicate(timeout=400)
    return sweep.returncode, output


def test_rows_survive_the_loss_of_a_worker_a_node_and_the_driver(nodes, undisturbed, tmp_path):
    """kill -9 of each, one after the other, in one sweep."""
    options = (str(tmp_path), "--address", nodes.address, *SHORT)
    sweep = start_sweep(*options)
    wait_for(sweep, "running")
    kill_all([pid for node in nodes.all for pid in node.workers()][:1])
    wait_for(sweep, "completed")
    nodes.all[-1].kill()
    nodes.add()
    sweep.kill()
    sweep.communicate()
    code, output = finish(start_sweep(*options))
    assert code == 0, output
    assert row_comparison.differences(str(tmp_path), undisturbed) == []


def test_sigterm_ends_a_sweep_as_ctrl_c_does_and_it_goes_on(nodes, undisturbed, tmp_path):
    options = (str(tmp_path), "--address", nodes.address, *SHORT)
    sweep = start_sweep(*options)
    wait_for(sweep, "completed")
    sweep.send_signal(signal.SIGTERM)
    code, output = finish(sweep)
    assert code == 130 and "Traceback" not in output, output
    code, output = finish(start_sweep(*options))
    assert code == 0, output
    assert row_comparison.differences(str(tmp_path), undisturbed) == []


def test_a_results_folder_that_becomes_unwritable_loses_nothing(nodes, undisturbed, tmp_path):
    """A file takes the folder's place, which stops also a superuser's writes; then the folder comes back."""
    results, aside = tmp_path / "r", tmp_path / "aside"
    options = (str(results), "--address", nodes.address, "--max-failures", "1", *SHORT)
    sweep = start_sweep(*options)
    wait_for(sweep, "1/4 done")
    results.rename(aside)
    results.write_text("in the way")
    code, output = finish(sweep)
    assert code == 1 and "Traceback" not in output, output
    assert "cannot be written" in output and "the same command resumes" in output
    results.unlink()
    aside.rename(results)
    before = {path.name: path.stat().st_mtime_ns for path in (results / "trials").iterdir()}
    assert before
    code, output = finish(start_sweep(*options))
    assert code == 0, output
    assert row_comparison.differences(str(results), undisturbed) == []
    after = {path.name: path.stat().st_mtime_ns for path in (results / "trials").iterdir()}
    assert before.items() <= after.items(), "what was done is not done again"


def test_two_sweeps_at_once_share_a_results_folder(nodes, undisturbed, tmp_path):
    options = (str(tmp_path), "--address", nodes.address, *SHORT)
    for code, output in map(finish, [start_sweep(*options), start_sweep(*options)]):
        assert code == 0, output
    assert row_comparison.differences(str(tmp_path), undisturbed) == []


def test_a_killed_driver_leaves_no_trial_behind(nodes, tmp_path):
    """On a cluster its workers end; alone, its whole Ray does, but for two idle agents of Ray 2.60."""
    sweep = start_sweep(tmp_path / "cluster", "--address", nodes.address, *SHORT)
    wait_for(sweep, "running")
    busy = [pid for node in nodes.all for pid in node.workers()]
    sweep.kill()
    sweep.communicate()
    assert busy and gone(busy)
    sweep = start_sweep(tmp_path / "alone", *SHORT)
    wait_for(sweep, "running")
    below = descendants(sweep.pid)
    agents = [pid for pid in below if title(pid).startswith(("ray::DashboardAgent", "ray::RuntimeEnvAgent"))]
    sweep.kill()
    sweep.communicate()
    try:
        assert len(below) > len(agents) == 2 and gone([pid for pid in below if pid not in agents])
    finally:
        kill_all(agents)


def gone(pids: list[int]) -> bool:
    """Whether all of these processes end within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.5)
    return False


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_chaos(tmp_path):
    assert chaos.run(tmp_path, kills=20, seed=1)


@pytest.mark.slow
def test_two_sweeps_two_packings_and_a_reader_at_once_are_killed_twenty_times(tmp_path):
    assert store_chaos.run(tmp_path, kills=20, seed=1)


def test_results_that_a_node_does_not_see_are_refused_before_the_first_trial(nodes):
    """pyarrow's mock file system lives in the memory of one process."""
    code, output = finish(start_sweep("mock:///results", "--address", nodes.address, *SHORT))
    assert code == 2, output
    assert "results 'mock:///results' is not one folder for all nodes (node " in output
    assert "training" not in output


def test_workers_run_the_drivers_code_and_name_its_commit(nodes, undisturbed):
    """No node has a checkout on its path; the packages come with the sweep, and their commit with them."""
    assert "PYTHONPATH" not in nodes.environment
    (commit,) = set(records.read(undisturbed, "trials", ["git_commit"]).rows["git_commit"].to_pylist())
    assert re.fullmatch(r"[0-9a-f]{40}(\+changes)?", commit)
