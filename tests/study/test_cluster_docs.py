"""The commands of docs/cluster.md for machines of one's own, run as they stand there.

In namespaces of their own, where the head's port is free and `ray stop` meets only the nodes of this test.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "cluster.md"
NAMESPACES = [
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--pid",
    "--mount",
    "--fork",
    "--kill-child",
    "--mount-proc",
]


def block(name: str) -> list[str]:
    """The commands below a named mark of the document."""
    found = re.search(rf"<!-- {name} -->\n```\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found, name
    return found[1].strip().splitlines()


def with_values(lines: list[str], **values: object) -> list[str]:
    """Variables that every reader sets, set to others."""
    for name, value in values.items():
        pattern = rf"\b{name}=\S+"
        assert any(re.search(pattern, line) for line in lines), name
        lines = [re.sub(pattern, f"{name}={shlex.quote(str(value))}", line) for line in lines]
    return lines


def test_at_most_ten_commands_from_nothing_to_the_table():
    commands = re.search(r"## AWS.*?```\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1].strip().splitlines()
    assert len(commands) <= 10
    assert any("mine-study table" in command for command in commands)


def test_every_flag_of_the_document_is_known():
    from study import cli

    with pytest.raises(SystemExit):
        cli.main(["sweep", "--help"])
    flags = re.findall(r"`(--[a-z-]+)", re.search(r"\| flag of(.*?)\n\n", DOCUMENT.read_text(), re.DOTALL)[1])
    assert len(flags) >= 8
    ended = subprocess.run(
        [sys.executable, "-m", "study.cli", "sweep", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert all(flag in ended.stdout for flag in flags)


@pytest.mark.cluster
def test_the_commands_for_ones_own_machines_run_as_written(tmp_path):
    if not shutil.which("unshare") or subprocess.run([*NAMESPACES, "true"], capture_output=True).returncode:
        pytest.skip("needs namespaces of its own: unshare is missing or not permitted")
    sweep, table = block("sweep")
    short = " --network.epochs 1 --mine.samples 200 --mine.epochs 3 --seeds 0"
    script = [
        "set -euo pipefail",
        "ip link set lo up && ip addr add 10.77.0.1/32 dev lo && ip addr add 10.77.0.2/32 dev lo",
        "mkdir -p /tmp/ray && mount -t tmpfs none /tmp/ray",
        *with_values(block("every machine"), HEAD="10.77.0.1", SHARED=tmp_path / "shared"),
        *block("head"),
        *block("worker"),
        sweep + short,
        table,
        *block("end"),
    ]
    bin_folder = str(Path(sys.executable).parent)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    ended = subprocess.run(
        [*NAMESPACES, "bash", "-c", "\n".join(script)],
        capture_output=True, text=True, timeout=500, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 of 4 trials completed" in ended.stdout and "| marginals" in ended.stdout
