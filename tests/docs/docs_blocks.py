"""The fenced blocks of the documentation, and the command lines in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "examples/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"python", "bash", "yaml", "json", "toml", "text"}

_MARK = re.compile(r"<!-- (not run|slow|small|same): (.+) -->")
_CODE = re.compile(r"<!-- ends with (\d+): .+ -->")
_FILE = re.compile(r"# ([\w-]+\.(?:py|yaml|yml))\b")
_INDENTED = re.compile(r" {4}\S")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: the file, from the root of the repository.
        line: of the opening fence.
        language: that follows the fence; empty where none does.
        text: what stands in it.
        mark: `not run`, `slow`, `small` or `same`, from a comment before the block; empty where there is none.
        reason: what the comment says.
        code: exit code of the last command, from such a comment; 0 where there is none.
    """

    page: str
    line: int
    language: str
    text: str
    mark: str = ""
    reason: str = ""
    code: int = 0

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str:
        """The file that the first line names, as in `# my_lj.py`; empty where it names none."""
        found = _FILE.match(self.text)
        return found[1] if found else ""

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command line, without comments, redirections and a trailing `&`."""
        lines = self.text.replace("\\\n", " ").splitlines()
        split = (shlex.split(line, comments=True) for line in lines)
        return [_plain(words) for words in split if words]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return blocks_in(page.read_text(), name_of(page))


def blocks_in(text: str, page: str) -> list[Block]:
    blocks, marked, opened = [], {}, None
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            if opened is None:
                opened = (number, line.strip().removeprefix("```"), marked, len(line) - len(line.lstrip()))
            else:
                start, language, comment, indent = opened
                inner = "".join(f"{each[indent:]}\n" for each in lines[start : number - 1])
                blocks.append(Block(page, start, language, inner, **comment))
                opened = None
        said = _said(line.strip())
        marked = marked | said if said else {}
    return blocks


def _said(line: str) -> dict[str, str | int]:
    """What a comment says of the block that follows; nothing where the line is no such comment."""
    if mark := _MARK.fullmatch(line):
        return {"mark": mark[1], "reason": mark[2]}
    code = _CODE.fullmatch(line)
    return {"code": int(code[1])} if code else {}


def indented_blocks(text: str) -> list[int]:
    """Numbers of the lines at which a block begins that is code by its indentation alone."""
    found, inside, in_list, before = [], False, False, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside and line.strip():
            if _INDENTED.match(line) and not before.strip() and not in_list:
                found.append(number)
            elif not line.startswith(" "):
                in_list = bool(re.match(r"([-*]|\d+\.) ", line))
        before = line
    return found


def _plain(words: list[str]) -> list[str]:
    words = words[:-1] if words[-1] == "&" else words
    words = words[: words.index(">")] if ">" in words else words
    return words[1:] if re.fullmatch(r"[A-Z_]+=\S*", words[0]) else words
