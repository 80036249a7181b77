"Checks of what texts tell readers to run and to open: commands, files and links."
import importlib.util, json, re, shlex
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit
import papermill
import structure

PAPERMILL = { # its options, and how many values follow
    "-p": 2, "-r": 2, "-f": 1, "-y": 1, "-k": 1, "--cwd": 1, "--engine": 1, "--log-level": 1,
    "--autosave-cell-every": 1, "--log-output": 0, "--no-progress-bar": 0, "--help-notebook": 0}
WORDS = re.compile(r"""(?:"[^"]*"|'[^']*'|\\ |[^\s'"`;|&<>#]+|\s+)*""") # up to what ends a command


@cache
def parameters(notebook): return set(papermill.inspect_notebook(notebook))


# Where commands are written

def notebook_texts(path):
    nb = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(c["source"]) for c in nb["cells"] if c["cell_type"] == "markdown"]


def summary_commands(path):
    found = json.loads(path.read_text(encoding="utf-8")).get("command")
    return [f"```\n{found}\n```"] if found else []


def written(): # (file, text)
    texts = [p for p in (Path(n) for n in ("README.md", "RESULTS.md", "CONTRIBUTING.md")) if p.exists()]
    texts += [*Path("docs").glob("*.md"), *Path("data").glob("*/README.md")]
    pairs = [(p, p.read_text(encoding="utf-8")) for p in texts]
    for p in sorted(Path("nbs").rglob("*.ipynb")): pairs += [(p, text) for text in notebook_texts(p)]
    for p in sorted(Path("data").rglob("summary.json")): pairs += [(p, text) for text in summary_commands(p)]
    for p in [*Path("nbs/runs").rglob("*.yaml"), *Path("nbs/runs").glob("*.slurm")]:
        pairs.append((p, f"```\n{p.read_text(encoding='utf-8')}\n```"))
    return pairs


def code_of(text): # fenced blocks line by line, and `spans`
    fences = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", text, re.M | re.S)
    lines = [line for block in fences for line in block.replace("\\\n", " ").splitlines()]
    rest = re.sub(r"^ *```[^\n]*\n.*?^ *```", "", text, flags=re.M | re.S)
    return lines + re.findall(r"`([^`\n]+)`", rest)


def commands(line, start): # parts of a line that begin with `papermill `, say
    for found in re.finditer(rf"(?<![\w/.\-\[]){start}\s", line):
        yield WORDS.match(line, found.end())[0].strip()


# What is wrong with them

def papermill_fault(
    line:str, # what follows `papermill`
    copies=(), # of notebooks that the text tells to make: new name -> page
)->str:
    "What is wrong with a papermill command"
    words, files, given = shlex.split(line), [], []
    while words:
        word = words.pop(0)
        if not word.startswith("-"): files.append(word); continue
        if word not in PAPERMILL: return f"papermill has no option {word} that is known here"
        values = [words.pop(0) for _ in range(min(PAPERMILL[word], len(words)))]
        if len(values) < PAPERMILL[word]: return f"{word} needs {PAPERMILL[word]} values"
        if word in ("-p", "-r"): given.append(values[0])
        if word == "-f" and not Path(values[0]).exists(): return f"there is no {values[0]}"
    if not files or not files[0].endswith(".ipynb"): return "" # a package in a list, the word in a sentence
    notebook = copies[files[0]] if files[0] in copies else files[0]
    if not Path(notebook).exists(): return f"there is no {notebook}"
    unknown = [name for name in given if name not in parameters(notebook)]
    return f"{notebook} has no parameter {', '.join(unknown)}" if unknown else ""


def module_fault(line): # of what follows `python -m`
    module = line.split()[0]
    if not module.startswith("persistworld"):
        return "" if importlib.util.find_spec(module.split(".")[0]) else f"there is no module {module}"
    path = Path(module.replace(".", "/") + ".py")
    if not path.exists(): return f"there is no module {module}"
    runs = "__main__" in path.read_text(encoding="utf-8")
    return "" if runs else f"{module} is not made to be run by python -m"


@cache
def all_parameters(): return set().union(*(parameters(str(p)) for p in Path("nbs").glob("*.ipynb")))


def option_fault(span): # a span that is only options, such as `-p steps 4`
    names = re.findall(r"-p (\w+)", span) if span.startswith("-p ") else []
    unknown = [name for name in names if name not in all_parameters() and name.lower() != "name"]
    return f"no page has a parameter {', '.join(unknown)}" if unknown else ""


def file_faults(line): # notebooks and scripts that a command names
    found = re.findall(r"(?<![\w/.])((?:nbs|\.ci|docs|persistworld)/[\w./-]*\w)", line)
    return [f"there is no {name}" for name in found if not Path(name).exists() and "NN_" not in name]


def copies_in(text): # notebooks that a text tells to copy: new name -> page
    made = re.findall(r"[Cc]opy \[(\w+)\]\([^)]*\) to `(nbs/[\w/]+\.ipynb)`", text)
    return {new: f"nbs/{page}.ipynb" for page, new in made}


def text_faults(text):
    "What is wrong with the commands of one text"
    copies, found = copies_in(text), []
    for line in code_of(text):
        found += [papermill_fault(rest, copies) for rest in commands(line, "papermill")]
        found += [module_fault(rest) for rest in commands(line, "python3? -m")]
        found.append(option_fault(line))
        if re.match(r"(\w+=\S+ )*(papermill|python3?|bash|sh|sbatch|jupyter|nbdev_\w+|torchrun) ", line):
            found += [fault for fault in file_faults(line) if fault.split()[-1] not in copies]
    return list(dict.fromkeys(filter(None, found)))


@cache
def public_names(): # module -> names
    return {f"persistworld.{m.name}": {*m.public} for m in structure.read_package()}


def import_faults(text): # of code in a text: what it imports from the package is there
    found = []
    for module, names in re.findall(r"^from (persistworld[\w.]*) import ([\w, ]+)", text, re.M):
        given = [name.split(" as ")[0].strip() for name in names.split(",")]
        unknown = [name for name in given if name not in public_names().get(module, ())]
        if unknown: found.append(f"{module} has no {', '.join(unknown)}")
    return found


def link_faults(path, text): # relative links lead to something
    text = re.sub(r"^ *```.*?^ *```|`[^`\n]+`", "", text, flags=re.M | re.S)
    links = [urlsplit(link) for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    names = [link.path for link in links if link.path and not link.scheme]
    return [f"the link {name} leads nowhere" for name in names if not (path.parent/unquote(name)).exists()]


def faults():
    found = [f"{path}: {fault}" for path, text in written()
             for fault in text_faults(text) + import_faults(text)]
    found += [f"{path}: {fault}" for path, text in written() if path.suffix in (".md", ".ipynb")
              for fault in link_faults(path, text)]
    return list(dict.fromkeys(found))
