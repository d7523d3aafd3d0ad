"""What the site has beside docs/*.md: README.md as its home, and a page for each example.

Links in the sources are those of the repository, so that they work where the files are read there; here they become
links of the site.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
EXAMPLES = "examples"
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml"}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_files(files, config):
    """Add the pages that are not below docs/."""
    pages = {"index.md": (ROOT / "README.md").read_text()}
    pages[f"{EXAMPLES}/README.md"] = (ROOT / EXAMPLES / "README.md").read_text()
    for path in sorted((ROOT / EXAMPLES).iterdir()):
        if path.suffix in LANGUAGES or path.is_dir():
            pages[_site_path(path.relative_to(ROOT).as_posix())] = _example_page(path)
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turn links of the repository into links of the site."""
    here = page.file.src_uri
    folder = posixpath.dirname(_repository_path(here))

    def replace(found: re.Match) -> str:
        target = _site_path(posixpath.normpath(posixpath.join(folder, found[1])))
        return posixpath.relpath(target, posixpath.dirname(here) or ".")

    return LINK.sub(replace, markdown)


def _repository_path(page: str) -> str:
    if page == "index.md":
        return "README.md"
    return page if page.startswith(f"{EXAMPLES}/") else f"docs/{page}"


def _site_path(path: str) -> str:
    """The page of a file of the repository: README.md is the home page, an example a page of its own."""
    if path == "README.md":
        return "index.md"
    if path == EXAMPLES:
        return f"{EXAMPLES}/README.md"
    if path.startswith(f"{EXAMPLES}/") and not path.endswith("README.md"):
        return f"{EXAMPLES}/{path.split('/')[1].replace('.', '_')}.md"
    return path.removeprefix("docs/")


def _example_page(path: Path) -> str:
    sources = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in LANGUAGES)
    blocks = [f"`{p.relative_to(ROOT).as_posix()}`\n\n```{LANGUAGES[p.suffix]}\n{p.read_text()}```\n" for p in sources]
    return "\n".join([f"# {path.name}\n", *blocks])
