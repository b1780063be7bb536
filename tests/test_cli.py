import pytest

from study import cli, plan, space, studies

TINY = [
    "--data.name", "digits", "--lenet.epochs", "1", "--lenet.train-samples", "200", "--mine.samples", "100",
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
    assert "X;maxpool1" in out and f"mine-study table {results}" in out
    code, out, _ = run(capsys, "table", results)
    assert code == 0
    assert out.count("\n| 1 ") == 2 and "| 0.3 " in out
    code, out, _ = run(capsys, "table", results, "--format", "csv", "--by-pair")
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
        (["sweep", "papr"], "study is 'papr'; it must be one of demo, paper, grid"),
        (["sweep", "demo", "--mine.noise-std", "-1"], "mine.noise_std is -1.0"),
        (["sweep", "demo", "--mine.hidden-units", "0"], "mine.hidden_units is 0; it must be at least 1"),
        (["sweep", "demo", "--mine.architecture", "4"], "'1', '2', '3'"),
        (["sweep", "demo", "--mine.batch-size", "2000"], "mine.batch_size is 2000; it must be at most 1437"),
        (["sweep", "demo", "--mine.pairs", "X;conv1"], "X;maxpool1"),
        (["sweep", "demo", "--seeds", "-1"], "seed is -1"),
        (["sweep", "demo", "--data.name", "cifar"], "fashion_mnist"),
        (["sweep", "demo", "--results", "/dev/null/x"], "results '/dev/null/x' cannot be written"),
        (["sweep", "demo", "--results", ""], "results '' names no place"),
        (["sweep", "demo", "--storage", "foo://x", "--results", "NEW"], "storage 'foo://x' cannot be opened"),
        (["sweep", "demo", "--storage", "/dev/null/x", "--results", "NEW"], "storage '/dev/null/x' cannot be written"),
        (["sweep", "demo", "--address", "127.0.0.1:1", "--results", "NEW"], "address '127.0.0.1:1' cannot be reached"),
        (["sweep", "demo", "--cpus-per-trial", "0"], "cpus_per_trial is 0"),
        (["sweep", "demo", "--gpus-per-trial", "1.5"], "gpus_per_trial is 1.5"),
        (["trial", "--mine.noise-std", "-1"], "mine.noise_std is -1.0; it must be 0, or from 0.0001 to 1000000."),
        (["trial", "--data.root", "/dev/null/x"], "data.root '/dev/null/x' cannot be used for mnist"),
        (["trial", "--results", "/dev/null/x"], "results '/dev/null/x' cannot be written"),
        (["trial", "--threads", "0"], "threads is 0"),
        (["trial", "--threads", "100000"], "threads is 100000; it must be from 1 to"),
        (["trial", "--device", "meta"], "device is 'meta'"),
        (["sweep", "demo", "--cpus-per-trial", "nan"], "cpus_per_trial is nan"),
        (["sweep", "demo", "--dry-run", "--cpus-per-trial", "999"], "cpus_per_trial is 999"),
        (["table", "s3://"], "names no place"),
        (["table", "/nowhere", "--thresholds", "nan"], "thresholds is nan"),
        (["validate", "--only", "BSPK"], "only is 'BSPK'"),
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
    assert not list(tmp_path.rglob("*.parquet")), "nothing may have run"
    assert not list(tmp_path.rglob("plans/*")), "a sweep that was refused does not claim its folder"


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
    assert code == 2 and "must be a path on this machine that ends in .svg, .png or .pdf" in err


def test_every_flag_is_documented(capsys):
    for command in ("trial", "sweep"):
        code, out, _ = run(capsys, command, "--help")
        text = " ".join(out.replace("│", " ").split())
        assert code == 0
        assert "--mine.noise-std" in text
        assert "Standard deviation of the Gaussian noise added to the layer's output" in text


def test_dry_run_counts_trials_hours_and_disk(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "sweep", "demo", "--dry-run", "--seeds", "0", "--mine.epochs", "5", "7")
    assert code == 0
    assert "8 trials" in out and "hours" in out and "MB" in out
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_refuses_what_the_sweep_would(capsys, tmp_path):
    plan.write(str(tmp_path), plan.Plan("demo", tuple(space.trials(studies.DEMO, {}, (0,)))))
    for options in ([], ["--search", "random", "--trials", "5"]):
        code, _, err = run(capsys, "sweep", "paper", "--dry-run", "--results", str(tmp_path), *options)
        assert code == 2 and "study is 'paper'; it must be 'demo'" in err
