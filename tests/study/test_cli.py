import os
import re
import subprocess
import sys

import pytest

from study import cli, cost, space, studies
from tests import made_results
from trainables import records
from trainables.estimators import mine
from trainables.records import plans
from trainables.settings import key

TINY = [
    "--data.name", "digits", "--network.epochs", "1", "--network.train-samples", "200", "--mine.samples", "100",
    "--mine.batch-size", "50", "--mine.epochs", "4",
]  # fmt: skip


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def test_a_trial_then_its_table(capsys, tmp_path):
    results = str(tmp_path / "r")
    code, out, _ = run(
        capsys, "trial", *TINY, "--mine.hidden-units", "20", "--mine.noise-std", "0.3", "--results", results
    )
    assert code == 0
    assert f"mine-study table {results}" in out
    pairs = [line for line in out.splitlines() if re.match(r"  [XY];", line)]
    assert len(pairs) == 8 and all(re.search(r"  truth \d\.\d\d, optimum \d\.\d\d$", line) for line in pairs)
    code, out, _ = run(capsys, "table", results)
    assert code == 0
    assert out.count("\n| 1 ") == 2 and "| 0.3 " in out
    code, out, _ = run(capsys, "table", results, "--format", "csv", "--which", "pairs")
    assert out.count("\n") == 9
    code, out, _ = run(capsys, "table", results, "--first", "1", "--where", "seed=0", "--where", "mine.hidden_units=20")
    assert code == 0 and out.count("\n| 1 ") == 1
    code, _, err = run(capsys, "table", results, "--where", "mine.hidden_units=20", "--where", "seed=1")
    assert code == 2 and "where is 'seed=1'; no such trial is here: seed is 0" in err
    code, out, _ = run(capsys, "table", results, "--format", "latex")
    assert r"\begin{tabular}" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "papr"], "study is 'papr'; it must be one of demo, paper, factorial"),
        (["sweep", "demo", "--mine.noise-std", "-1"], "mine.noise_std is -1.0"),
        (["sweep", "demo", "--mine.hidden-units", "0"], "mine.hidden_units is 0; it must be at least 1"),
        (["sweep", "demo", "--mine.architecture", "4"], "'1', '2', '3'"),
        (["sweep", "demo", "--mine.batch-size", "2000"], "mine.batch_size is 2000; it must be at most 1437"),
        (["sweep", "demo", "--mine.pairs", "X;conv1"], "X;maxpool1"),
        (["sweep", "demo", "--seeds", "-1"], "seed is -1"),
        (["sweep", "demo", "--data.name", "cifar"], "fashion_mnist"),
        (["sweep", "demo", "--results", "/dev/null/x"], "results '/dev/null/x' cannot be written"),
        (["sweep", "demo", "--results", ""], "results '' names no place"),
        (["sweep", "demo", "--results", "foo://x"], "results 'foo://x' cannot be opened"),
        (["sweep", "demo", "--address", "127.0.0.1:1", "--results", "NEW"], "address '127.0.0.1:1' cannot be reached"),
        (["sweep", "demo", "--cpus-per-trial", "0"], "cpus_per_trial is 0"),
        (["sweep", "demo", "--gpus-per-trial", "1.5"], "gpus_per_trial is 1.5"),
        (["trial", "--mine.noise-std", "-1"], "mine.noise_std is -1.0; it must be 0, or from 0.0001 to 1000000."),
        (["trial", "--data.root", "/dev/null/x"], "data.root '/dev/null/x' cannot be used for mnist"),
        (["trial", "--results", "/dev/null/x"], "results '/dev/null/x' cannot be written"),
        (["trial", "--threads", "0"], "threads is 0"),
        (["trial", "--threads", "100000"], "threads is 100000; it must be from 1 to"),
        (["trial", "--device", "meta"], "device is 'meta'"),
        (["trial", "--mine.hidden-units", "1000000000"], "mine.hidden_units is 1000000000; it must be smaller"),
        (["sweep", "demo", "--mine.hidden-units", "1000000000", "--results", "NEW"], "TB of memory"),
        (["sweep", "demo", "--mine.hidden-units", "1000000000", "--dry-run"], "and this machine has"),
        (["sweep", "demo", "--mine.epochs", "9" * 30, "--dry-run"], "must be a whole number up to 2^63 - 1"),
        (["sweep", "demo", "--cpus-per-trial", "nan"], "cpus_per_trial is nan"),
        (["sweep", "demo", "--dry-run", "--cpus-per-trial", "999"], "cpus_per_trial is 999"),
        (["table", "s3://"], "names no place"),
        (["table", "/nowhere", "--thresholds", "nan"], "thresholds is nan"),
        (["validate", "--only", "BSPK"], "only is 'BSPK'"),
        (["validate", "--seed", "-1"], "seed is -1; it must be an integer from 0"),
        (["trial", "--device", "tpu"], "device is 'tpu'"),
        (["table", "/nowhere"], "results '/nowhere' holds no trials"),
        (["table", "/nowhere", "--thresholds", "0"], "thresholds is 0.0"),
        (["table", "/nowhere", "--first", "0"], "first is 0"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(capsys, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert code == 2
    said = " ".join(err.replace("│", " ").split())
    assert words in said
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir()), "a command that is refused leaves nothing behind"


def test_a_trial_that_fails_ends_in_one_sentence_and_a_row(capsys, tmp_path):
    results = str(tmp_path / "r")
    code, out, err = run(
        capsys, "trial", *TINY, "--network.epochs", "5", "--network.learning-rate", "1e6", "--results", results
    )
    assert code == 1 and err.count("\n") == 1
    assert "FloatingPointError: the network has diverged" in err and f"{results}/trials has the whole error" in err
    (row,) = records.trials(results).rows.to_pylist()
    assert row["state"] == "failed" and row["error"].startswith("Traceback")


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("can't allocate\n  memory"), KeyError("a mistake of ours")]
)
def test_whatever_a_trial_raises_is_one_sentence(capsys, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(mine, "train", fail)
    code, _, err = run(capsys, "trial", *TINY, "--results", str(tmp_path / "r"))
    assert code == 1 and err.count("\n") == 1 and type(error).__name__ in err and "Traceback" not in err


def test_mnist_whose_files_are_not_the_official_ones_is_refused_by_name(capsys, tmp_path):
    for name, folder in (("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")):
        raw = tmp_path / folder / "raw"
        raw.mkdir(parents=True)
        for file in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
            (raw / f"{file}-ubyte").write_bytes(b"\0\0\x08\3")
        arguments = ["--data.name", name, "--data.root", str(tmp_path), "--results", str(tmp_path / "r")]
        code, _, err = run(capsys, "trial", *arguments)
        assert code == 2 and err.count("\n") == 1
        assert f"truncated or corrupt {folder}/raw/train-images-idx3-ubyte" in err


def test_trials_of_different_pairs_share_a_table_and_a_figure(capsys, tmp_path):
    results = str(tmp_path / "r")
    for pair in ("X;sm1", "X;relu3"):
        assert run(capsys, "trial", *TINY, "--mine.pairs", pair, "--results", results)[0] == 0
    code, out, _ = run(capsys, "table", results)
    assert code == 0 and out.count("\n| X;") == 0 and "| X;relu3 " in out and "| X;sm1 " in out
    picture = tmp_path / "c.svg"
    assert run(capsys, "curves", results, "--pair", "X;sm1", "--out", str(picture))[0] == 0
    assert "<svg" in picture.read_text()
    code, _, err = run(capsys, "curves", results, "--pair", "Y;sm1", "--out", str(picture))
    assert code == 2 and "no completed fit of Y;sm1" in err
    code, _, err = run(capsys, "curves", results, "--pair", "X;sm1", "--out", str(tmp_path / "c.doc"))
    assert code == 2 and "must be a path on this machine that ends in .svg or .png or .pdf or .jpg" in err
    for kind in ("png", "PDF", "jpg"):
        picture = tmp_path / f"c.{kind}"
        assert run(capsys, "curves", results, "--pair", "X;sm1", "--out", str(picture))[0] == 0 and picture.exists()


def test_every_flag_is_documented(capsys):
    for command, flag in (("trial", "--help"), ("sweep", "--help-all")):
        code, out, _ = run(capsys, command, flag)
        text = " ".join(out.replace("│", " ").split())
        assert code == 0
        assert "--mine.noise-std" in text
        assert "Standard deviation of the Gaussian noise added to the layer's output" in text


def test_dry_run_counts_trials_time_and_disk(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "sweep", "demo", "--dry-run", "--seeds", "0", "--mine.epochs", "5", "7")
    assert code == 0
    assert "8 trials" in out and re.search(r"about [\d.,]+ (seconds|minutes|hours) and [\d.,]+ (kB|MB) here", out)
    assert re.search(r"up to [\d.,]+ [MG]B of memory per trial", out)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_a_large_study_says_numbers_as_people_write_them(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "seconds", lambda planned, device: 3_060_000.0)
    arguments = ("--cpus-per-trial", "1", "--max-concurrent", "1", "--results", str(tmp_path / "none"))
    code, out, _ = run(capsys, "sweep", "factorial", "--dry-run", *arguments)
    assert code == 0 and "270 to run, 1 at a time: about 850 hours (35 days) and 19 MB here" in out


def test_the_heading_of_a_dry_run_follows_the_settings(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "estimate", lambda *options: "")
    monkeypatch.chdir(tmp_path)
    own = run(capsys, "sweep", "demo", "--dry-run")[1].splitlines()[0]
    assert own == "study demo: Explosion and convergence side by side."
    other = run(capsys, "sweep", "demo", "--dry-run", "--data.name", "mnist", "--mine.noise-std", "0", "2")[1]
    assert other.splitlines()[0] == ("study demo, with data.name mnist; mine.noise_std 0, 2 in place of its own")


def test_notes_of_a_table_for_programs_go_to_standard_error(capsys, tmp_path):
    from tests import made_results

    config = made_results.write(str(tmp_path), {})
    made_results.write(str(tmp_path), {"seed": 1})
    (tmp_path / "estimates" / f"{key(config)}.parquet").unlink()
    _, shown, _ = run(capsys, "table", str(tmp_path))
    notes = shown[shown.index("\n\n") :].strip()
    assert "1 of 2 completed trials have no rows in the table estimates" in notes
    for kind, first in (("csv", "mine.architecture,"), ("latex", r"\begin{tabular}")):
        code, out, err = run(capsys, "table", str(tmp_path), "--format", kind)
        assert code == 0 and out.startswith(first) and "completed trials" not in out and err.strip() == notes


def test_a_table_of_some_trials_or_rows_or_by_other_thresholds_says_so(capsys, tmp_path):
    for seed in range(2):
        made_results.write(str(tmp_path), {"seed": seed, "mine.noise_std": float(seed)}, runs=1)
    for arguments, said in (
        (["--where", "noise_std=1", "--where", "seed=1"], "Only trials with noise_std=1 and seed=1: 1 of 2."),
        (["--first", "3"], "The first 3 of 4 rows."),
        (["--thresholds", "0.5"], "Thresholds are 0.5 times the committed rule's."),
    ):
        code, out, _ = run(capsys, "table", str(tmp_path), *arguments)
        assert code == 0 and f"\n{said}\n" in out
        code, out, _ = run(capsys, "table", str(tmp_path), "--first", "4")
        assert "rows." not in out and "Only trials" not in out and "Thresholds are" not in out


@pytest.mark.parametrize(("redirection", "rows"), [(">&-", 0), ("2>&-", 2)])
def test_a_closed_stream_is_no_traceback_and_takes_nothing_from_the_other(tmp_path, redirection, rows):
    """Without standard error, notes must not go among the rows."""
    made_results.write(str(tmp_path), {}, runs=1)
    command = f'"{sys.executable}" -m study.cli table "{tmp_path}" --format csv {redirection}'
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert ended.returncode == 0 and "Traceback" not in ended.stderr
    assert ended.stdout.count("\n") == rows + (rows > 0)


def test_a_terminal_that_has_only_ascii_is_no_traceback(tmp_path):
    made_results.write(str(tmp_path), {}, runs=1)
    (tmp_path / "estimates" / "ü.parquet").write_bytes(b"")
    ended = subprocess.run(
        [sys.executable, "-m", "study.cli", "status", str(tmp_path)],
        capture_output=True, text=True, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert ended.returncode == 0 and r"\xfc.parquet" in ended.stdout


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("failed", "hold no completed trial, and 1 trial that failed"),
        ("another pair", "hold no completed fit of X;sm1; run a trial that estimates it"),
        ("estimates", "hold no rows of X;sm1 in the table estimates that can be read"),
        ("curves", "hold no rows of X;sm1 in the table curves that can be read"),
    ],
)
def test_curves_says_why_there_is_nothing_to_draw(capsys, tmp_path, damage, said):
    state = "failed" if damage == "failed" else "completed"
    pairs = ("Y;sm1",) if damage == "another pair" else ("X;sm1",)
    made_results.write(str(tmp_path / "r"), {"mine.pairs": pairs}, runs=1, state=state)
    for path in (tmp_path / "r" / damage).glob("*"):
        path.write_bytes(b"cut")
    code, _, err = run(capsys, "curves", str(tmp_path / "r"), "--pair", "X;sm1", "--out", str(tmp_path / "c.png"))
    assert code == 2 and said in err and not (tmp_path / "c.png").exists()


def test_a_dry_run_refuses_what_the_sweep_would(capsys, tmp_path):
    plans.write(str(tmp_path), plans.Plan("demo", tuple(space.trials(studies.DEMO, {}, (0,)))))
    for options in ([], ["--search", "random", "--trials", "5"]):
        code, _, err = run(capsys, "sweep", "paper", "--dry-run", "--results", str(tmp_path), *options)
        assert code == 2 and "study is 'paper'; it must be 'demo'" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tabel", "x"], "tabel is no command; did you mean table?"),
        (["sweep", "demo", "--noise-sdt", "1"], "--noise-sdt is no option of sweep; did you mean --mine.noise-std?"),
        (["sweep", "demo", "--mine.noise_sd=1"], "did you mean --mine.noise-std?"),
        (["sweep", "demo", "--max-concurent", "1"], "did you mean --max-concurrent?"),
        (["table", "x", "--wheer", "seed=0"], "--wheer is no option of table; did you mean --where?"),
        (["table", "x", "--which", "acuracy"], "(did you mean accuracy?)."),
        (["sweep", "papr"], "(did you mean paper?)."),
        (["trial", "--mine.pairs", "X;maxpol1"], "(did you mean X;maxpool1?)."),
    ],
)
def test_a_name_that_is_nearly_right_gets_the_right_one(capsys, arguments, said):
    code, _, err = run(capsys, *arguments)
    assert code == 2 and err.count("\n") == 1 and said in err


def test_shown_names_are_flags(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "estimate", lambda *options: "")
    monkeypatch.chdir(tmp_path)
    for flag in ("--noise-std", "--noise_std", "--mine.noise_std"):
        out = run(capsys, "sweep", "demo", "--dry-run", flag, "0", "2")[1]
        assert out.startswith("study demo, with mine.noise_std 0, 2 in place of its own")


def test_the_version(capsys):
    assert re.fullmatch(r"mine-study \d+\.\d+\.\d+\n", run(capsys, "--version")[1])


def test_the_help_of_a_sweep_fits_two_screens_and_all_of_it_has_the_defaults_of_the_studies():
    """In new processes: help is shaped for one call."""
    short, long = (
        subprocess.run(
            [sys.executable, "-m", "study.cli", "sweep", flag],
            capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"}, check=True,
        ).stdout
        for flag in ("--help", "--help-all")
    )  # fmt: skip
    assert short.count("\n") <= 48 and "STUDY" in short and "mine-study sweep demo" in short
    assert "--mine." not in short and "--search " in long
    assert "(default: demo 0, 1; paper 2, 0;" in " ".join(long.replace("│", " ").split())


def test_curves_of_some_trials_and_configurations(capsys, tmp_path):
    for noise in (0.0, 1.0):
        made_results.write(str(tmp_path / "r"), {"mine.noise_std": noise}, runs=1)
    picture = tmp_path / "c.svg"
    panels = []
    for options in ([], ["--where", "noise_std=1"], ["--first", "1"]):
        assert run(capsys, "curves", str(tmp_path / "r"), "--out", str(picture), *options)[0] == 0
        panels.append(len(re.findall(r'id="axes_\d+"', picture.read_text())))
    assert panels == [2, 1, 1]
    code, _, err = run(capsys, "curves", str(tmp_path / "r"), "--where", "noise_std=7", "--out", str(picture))
    assert code == 2 and "no such trial is here: mine.noise_std is 0, 1" in err


def test_a_terminal_gets_an_overview_and_a_pipe_markdown(capsys, monkeypatch, tmp_path):
    made_results.write(str(tmp_path), {}, runs=1)
    monkeypatch.setenv("COLUMNS", "80")
    assert run(capsys, "table", str(tmp_path))[1].startswith("| architecture ")
    on_terminal = run(capsys, "table", str(tmp_path), "--format", "terminal")[1]
    assert max(map(len, on_terminal.replace(str(tmp_path), "").splitlines())) <= 80
    assert (
        f"next: mine-study report {tmp_path}" in on_terminal and "Yes. For X 100 % of the fits settled" in on_terminal
    )
    terminal = "\n".join(("import os, sys", "from study import cli", "sys.stdout.isatty = lambda: True", "cli.main()"))
    for options, first in (([], str(tmp_path)), (["--all"], "| architecture "), (["--format", "csv"], "mine.")):
        command = [sys.executable, "-c", terminal, "table", str(tmp_path), *options]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        assert ended.stdout.startswith(first)
