"""Every code block of the documentation: Python is run, command lines are parsed and the quick ones run, data read.

The blocks of a page are run in order, in one folder and one namespace. A block whose first line names a file, such as
`# my_lj.py`, is written under that name, too. Comments on the lines before a block, which no reader sees, say what else
becomes of it, and why:

<!-- slow: minutes of dynamics -->      run as it is among the slow tests
<!-- small: an hour of training -->     run among the slow tests in a small world, see `test_docs_small`
<!-- same: docs/benchmark.md -->        the same block is run there
<!-- not run: needs two machines -->    only read
<!-- ends with 3: a molecule is left out -->   the exit code of the last command, where it is not 0
"""

import ast
import json
import tomllib
from collections import Counter

import pytest
import yaml
from docs_blocks import LANGUAGES, PAGES, ROOT, Block, blocks_in, blocks_of, indented_blocks, name_of
from docs_commands import check_command

from compcalc.cli import call
from compcalc.dynamics import load_preset
from compcalc.execution.cluster import read_cluster_file

every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@every_page
def test_blocks_say_their_language(page):
    assert [str(block) for block in blocks_of(page) if block.language not in LANGUAGES] == []
    assert indented_blocks(page.read_text()) == [], "fence these, so that they are tested"


@every_page
def test_command_lines_could_be_given(page):
    for block in blocks_of(page):
        if block.language == "bash":
            for words in block.commands:
                check_command(words)


@every_page
def test_blocks_run(page, tmp_path, monkeypatch):
    run_page(page, ("",), tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if any(b.mark == "slow" for b in blocks_of(p))], ids=name_of)
def test_slow_blocks_run(page, tmp_path, monkeypatch):
    run_page(page, ("", "slow"), tmp_path, monkeypatch)


def run_page(page, marks: tuple[str, ...], folder, monkeypatch) -> None:
    """Run the blocks of a page with a mark in `marks`; the others are only read."""
    monkeypatch.chdir(folder)
    (folder / "examples").symlink_to(ROOT / "examples")
    blocks = blocks_of(page)
    for block in blocks:
        if block.file:
            (folder / block.file).write_text(block.text)
    namespace = {"__name__": "page"}
    for block in blocks:
        if block.language == "bash" and block.mark in marks:
            for words in block.commands:
                run_command(words, monkeypatch)
        elif block.language in READERS:
            READERS[block.language](block, namespace)


def run_python(block: Block, namespace: dict) -> None:
    """Run a block; of one with a mark, what it imports of compcalc has to exist."""
    tree = ast.parse(block.text)
    if block.mark:
        tree.body = [node for node in tree.body if isinstance(node, ast.ImportFrom) and "compcalc" in node.module]
    exec(compile(tree, str(block), "exec"), namespace)


def read_yaml(block: Block, _namespace: dict) -> None:
    """Read a preset or a cluster file with the reader that compcalc has for it."""
    from pathlib import Path

    path = Path(block.file or "block.yaml")
    path.write_text(block.text)
    (load_preset if "protocols" in yaml.safe_load(block.text) else read_cluster_file)(path)


READERS = {
    "python": run_python,
    "yaml": read_yaml,
    "json": lambda block, _: json.loads(block.text),
    "toml": lambda block, _: tomllib.loads(block.text),
}


def run_command(words: list[str], monkeypatch) -> None:
    """Run a command line of compcalc; a check may find faults, everything else has to succeed."""
    assert words[0] == "compcalc", f"{words[0]} is not run here: mark the block with a reason"
    if words[1] == "run" and "--workers" not in words:
        words = [*words, "--workers", "1"]  # a second process takes as long to start as these take to run
    monkeypatch.setattr("sys.argv", words)
    assert call(words[1:]) in ((0, 1) if words[1] == "check" else (0,)), words


def test_marks_are_of_blocks_that_they_suit():
    blocks = [block for page in PAGES for block in blocks_of(page)]
    run = {(block.page, block.text) for block in blocks if block.mark in ("", "slow", "small")}
    for block in blocks:
        allowed = {"python": {"", "small", "not run"}, "bash": {"", "slow", "small", "same", "not run"}}
        assert block.mark in allowed.get(block.language, {""}), block
        assert block.mark != "same" or (block.reason, block.text) in run, f"{block} is not run on {block.reason}"
        assert not block.code or block.mark in ("small", "not run"), f"{block}: only small blocks may fail"


def test_blocks_that_are_not_run():
    """Says in the summary of the tests how many blocks are not run, and why."""
    blocks = [block for page in PAGES for block in blocks_of(page) if block.language != "text"]
    marks = Counter(block.mark for block in blocks)
    reasons = Counter(block.reason for block in blocks if block.mark == "not run")
    listing = "; ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
    pytest.skip(
        f"of {len(blocks)} code blocks {marks['not run']} are only read: {listing}. The slow tests run {marks['slow']} "
        f"as they are and {marks['small']} in a small world, {marks['same']} of them on two pages."
    )


PAGE = """
<!-- small: too long -->
<!-- ends with 3: it fails -->
```bash
compcalc run mmff94 \\
    --task length > out &
```

- an entry

    ```python
    # one.py
    x = 1
    ```

Text.

    x = 2
"""


def test_the_collector_finds_what_a_page_holds():
    first, second = blocks_in(PAGE, "page.md")
    assert (first.language, first.mark, first.reason, first.code) == ("bash", "small", "too long", 3)
    assert first.line == 4
    assert first.commands == [["compcalc", "run", "mmff94", "--task", "length"]]
    assert (second.text, second.file, second.mark, second.code) == ("# one.py\nx = 1\n", "one.py", "", 0)
    assert indented_blocks(PAGE) == [18]


@pytest.mark.parametrize(
    "line",
    [
        "compcalc run mmff94 --tasks length",
        "compcalc run mmff94 --task lenght",
        "compcalc run maze:default --task length",
        "compcalc plan mmff94 --task length --seconds soon",
        "compcalc run mmff94 --task length --preset fast",
        "compcalc data explode",
        "compcalc verify",
        "make everything",
        "pip install 'compcalc[no-such-extra]'",
        "python examples/no_such_example.py",
        "rm -r runs",
    ],
)
def test_a_command_that_could_not_be_given_is_seen(line):
    (words,) = Block("page.md", 1, "bash", line).commands
    with pytest.raises(Exception, match=r"\w"):
        check_command(words)


def test_a_block_that_fails_is_seen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NameError, match="undefined"):
        run_python(Block("page.md", 1, "python", "undefined"), {})
    with pytest.raises(ImportError, match="no_such_name"):
        run_python(Block("page.md", 1, "python", "from compcalc.dynamics import no_such_name", "not run"), {})
    with pytest.raises(Exception, match="temperature"):
        read_yaml(Block("page.md", 1, "yaml", "protocols: [{kind: nvt, production_ps: 1, temperature: 300}]"), {})
