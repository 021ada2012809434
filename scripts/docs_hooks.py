"""Hooks of the documentation's build: pages made from the code and from the files at the top of the repository."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
TOP = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "MODEL_CARD.md": "model-card.md",
    "SECURITY.md": "security.md",
    "results/leaderboard.md": "leaderboard.md",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s:]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    sys.path.insert(0, str(ROOT))
    from scripts.settings_reference import page

    files.append(File.generated(config, "settings.md", content=page()))
    for name, target in TOP.items():
        files.append(File.generated(config, target, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to the site's pages; a link to a file that is no page becomes that file's name."""
    here = {target: Path(name).parent for name, target in TOP.items()}.get(page.file.src_uri, Path("docs"))

    def replaced(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        path, mark, anchor = target.partition("#")
        if not path:
            return match[0]
        place = (ROOT / here / path).resolve()
        name = place.relative_to(ROOT).as_posix() if place.is_relative_to(ROOT) else path
        if name in TOP:
            return f"[{text}]({TOP[name]}{mark}{anchor})"
        if name.startswith("docs/"):
            return f"{image}[{text}]({name.removeprefix('docs/')}{mark}{anchor})"
        return "" if image else text if name in text else f"{text} (`{name}`)"

    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(replaced, part) for part in parts)
