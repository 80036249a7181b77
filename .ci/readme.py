"Make README.md and RESULTS.md from nbs/index.ipynb and nbs/results.ipynb: texts, and outputs of their cells."
import re
from pathlib import Path
import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

PAGES = {"nbs/index.ipynb": "README.md", "nbs/results.ipynb": "RESULTS.md"}


def exporter():
    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_input_tags = {"hide-input"}
    config.MarkdownExporter.preprocessors = ["nbconvert.preprocessors.TagRemovePreprocessor"]
    return MarkdownExporter(config=config)


def to_top(link): # a link of a notebook in nbs/, seen from the folder above
    if re.match(r"\w+:|#|/", link): return link
    return link[3:] if link.startswith("../") else f"nbs/{link}"


def page(notebook):
    text, _ = exporter().from_notebook_node(nbformat.read(notebook, 4))
    text = re.sub(r"\]\(([^)\s]+)\)", lambda found: f"]({to_top(found[1])})", text)
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    return f"<!-- Made from {notebook} by .ci/readme.py: edit the notebook. -->\n\n{text}\n"


if __name__ == "__main__":
    for notebook, target in PAGES.items(): Path(target).write_text(page(notebook), encoding="utf-8")
