"Make README.md from nbs/index.ipynb: its markdown, and the outputs of cells (the code of cells tagged hide-input is left out)."
import re
from pathlib import Path
import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

config = Config()
config.TagRemovePreprocessor.enabled = True
config.TagRemovePreprocessor.remove_input_tags = {"hide-input"}
config.MarkdownExporter.preprocessors = ["nbconvert.preprocessors.TagRemovePreprocessor"]
notebook = nbformat.read("nbs/index.ipynb", 4)
text, _ = MarkdownExporter(config=config).from_notebook_node(notebook)
text = text.replace("](../", "](").replace('src="../', 'src="')  # the notebook lives one folder down
text = re.sub(r"\]\((\w+\.ipynb|runs/[\w.-]+)\)", r"](nbs/\1)", text)  # links to neighbouring notebooks and run files
text = re.sub(r"\n{3,}", "\n\n", text).strip()
Path("README.md").write_text(f"<!-- Made from nbs/index.ipynb by .ci/readme.py: edit the notebook. -->\n\n{text}\n")
