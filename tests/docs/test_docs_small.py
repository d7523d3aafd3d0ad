"""The blocks that take too long are run in a small world, which `docs_small` describes, as processes of their own.

They are marked <!-- small: half an hour of training -->. With them, all other blocks of command lines of their pages
are run there, in order and in one folder, since one takes what another has made.
"""

import dataclasses
import itertools
import os
import time
from pathlib import Path

import psutil
import pytest
from docs_blocks import PAGES, ROOT, Block, blocks_of, name_of
from docs_shell import BlockError, Shell, lines_not_printed
from docs_small import DATA, write_small_data

HERE = Path(__file__).parent
MODELS = ROOT / "compcalc/calculators/models"

BEFORE = {
    "README.md": f"""
mkdir -p path/to
cp "{MODELS}/mace-length-base-0.model" path/to/your.model
compcalc run mmff94 --task length --only static --out runs/first
compcalc run tblite:GFN1-xTB --task length --only static --out runs/second
""",
    "docs/comparing.md": "ln -s runs/three/mace-default-length-base-quick/predictions",
    "docs/running.md": """
cat > dies.py <<END
import os

from ase.calculators.lj import LennardJones


class Dies(LennardJones):
    def calculate(self, atoms, *rest):
        if len(atoms) > 20:
            os.abort()
        super().calculate(atoms, *rest)
END
compcalc run file:dies.py:Dies --task length --only static --out runs/alkanes || test $? = 3
""",
    "docs/training.md": f"""
mkdir -p path/to
cp "{MODELS}/mace-duplication-base-0.model" path/to/MACE-OFF23_small.model
""",
}
"""Page -> command lines that make what its blocks take for given."""


@pytest.fixture(scope="session")
def small_environment(tmp_path_factory):
    """Variables that put processes into the small world."""
    data = tmp_path_factory.mktemp("small-data")
    write_small_data(data)
    path = os.pathsep.join(map(str, (HERE / "small", HERE, ROOT)))
    return {DATA: str(data), "PYTHONPATH": path, "COLUMNS": "120"}


@pytest.fixture
def plain_shell(tmp_path):
    """In the world as it is."""
    folder, own = tmp_path / "page", tmp_path / "own"
    folder.mkdir()
    own.mkdir()
    return Shell(folder, own, {})


@pytest.fixture
def shell(small_environment, plain_shell):
    """In the small world."""
    (plain_shell.folder / "examples").symlink_to(ROOT / "examples")
    return dataclasses.replace(plain_shell, environment=small_environment)


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if any(b.mark == "small" for b in blocks_of(p))], ids=name_of)
def test_small_blocks_run(page, shell):
    blocks = blocks_of(page)
    for block in (*itertools.chain.from_iterable(map(blocks_of, PAGES)), *blocks):
        if block.file:
            (shell.folder / block.file).write_text(block.text)
    shell.run(Block(name_of(page), 0, "bash", BEFORE.get(name_of(page), "")))
    for block, after in itertools.zip_longest(blocks, blocks[1:]):
        if block.mark == "small" or (block.language == "bash" and block.mark in ("", "slow")):
            printed = shell.run(block)
            if block.code and after is not None and after.language == "text":
                assert lines_not_printed(after, printed) == [], f"{block} printed\n{printed}"


@pytest.mark.slow
def test_every_process_is_in_the_small_world(shell):
    ask = "from compcalc.tasks import all_tasks; print(max(len(task.ood) for task in all_tasks()))"
    assert shell.run(bash(f"python -c '{ask}'")) == "2\n"
    with pytest.raises(BlockError, match=f"ended with 70(.|\n)*KeyError: '{DATA}'"):
        without = {name: value for name, value in shell.environment.items() if name != DATA}
        dataclasses.replace(shell, environment=without).run(bash("compcalc tasks"))


def bash(text: str, code: int = 0) -> Block:
    return Block("page.md", 7, "bash", text, "small", "why", code)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("true\nfalse\necho on", 0, "page.md:7: false ended with 1, not 0"),
        ("true", 3, "page.md:7: true ended with 0, not 3"),
        ("sh -c 'exit 2'", 3, "ended with 2, not 3"),
        ("sh -c 'exit 3'\ntrue", 3, "it was not the last command that ended with 3, but sh -c 'exit 3'"),
        ("(exit 4) &\ntrue", 0, "ended with 4, not 0"),
        ("false | cat", 0, "ended with 1, not 0"),
        ("echo why >&2\nfalse", 0, "why"),
    ],
)
def test_a_block_that_does_not_end_as_the_page_says_is_seen(plain_shell, text, code, says):
    with pytest.raises(BlockError, match=says):
        plain_shell.run(bash(text, code))


def test_a_block_that_hangs_is_ended_with_its_processes(plain_shell, monkeypatch):
    monkeypatch.setattr("docs_shell.LONGEST_S", 0.3)
    with pytest.raises(BlockError, match=r"page.md:7: (.|\n)* ended with none within 0.3 s"):
        plain_shell.run(bash("sleep 30 &\necho $! > pid\nwait"))
    pid = int((plain_shell.folder / "pid").read_text())
    time.sleep(0.1)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_blocks_run_as_they_stand(plain_shell):
    assert plain_shell.run(bash("echo one > file &\nwait\ngrep o file")) == "one\n"
    assert plain_shell.run(bash("ls no-such-file", 2)) != ""
    script = Block("page.md", 9, "python", "if __name__ == '__main__':\n    print(2)\n", "small")
    assert plain_shell.run(script) == "2\n"


def test_lines_that_are_not_printed_are_told():
    shown = Block("page.md", 1, "text", "error: 2 runs differ:\n  a: 1.5\nGive\n...\nmore\n")
    assert lines_not_printed(shown, "error: 12 runs\ndiffer:\n a: 3\nGive it") == []
    assert lines_not_printed(shown, "error: 12 runs differ:\n b: 3\nGive it") == ["  a: 1.5"]
