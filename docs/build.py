"""Make the site in _docs/ from the notebooks, docs/*.md and the package's source, without running anything.

It follows the folders of nbs/ and what nbs/index.ipynb says about them.
A warning, a public name without an entry or a dead link fails.
"""
import ast, io, json, os, re, shutil, sys, tokenize
from configparser import ConfigParser
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from textwrap import shorten
from urllib.parse import unquote, urlsplit
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
os.chdir(ROOT)
PAGES = {
    "Tutorial": ["docs/first-post-training"],
    "How-to": [
        "docs/your-robot", "docs/your-reward", "docs/your-cluster", "docs/ctrl-world", "docs/your-policy",
        "docs/blind-study", "docs/more-episodes"],
    "Project": ["CONTRIBUTING", "CHANGELOG"]}
TEXTS = sum(PAGES.values(), [])
MADE_FROM = {"README.md": "nbs/index.ipynb", "RESULTS.md": "nbs/results.ipynb"} # pages at the top
WIDGET = "application/vnd.jupyter.widget-view+json"
settings = ConfigParser(delimiters=["="])
settings.read("settings.ini", encoding="utf-8")
cfg = settings["DEFAULT"]
source, site, faults = Path("_proc"), Path(cfg["doc_path"]), []
for text in Path("docs").glob("*.md"):
    if str(text.with_suffix("")) not in TEXTS: faults.append(f"{text} is in no part of PAGES")
shutil.rmtree(source, ignore_errors=True)


def write(file, text):
    (source/file).parent.mkdir(parents=True, exist_ok=True)
    (source/file).write_text(text, encoding="utf-8")


# Links: a page leads to the page, a stage's folder to its list, a picture comes along,
# any other file is shown by the repository

def where(target, here):
    path, hash, anchor = target.partition("#")
    if not path or urlsplit(path).scheme: return target
    full = Path(os.path.normpath(here.parent/unquote(path)))
    if not full.exists() or full.is_absolute() or ".." in full.parts:
        faults.append(f"{here}: {target} leads nowhere")
        return target
    full = Path(MADE_FROM.get(str(full), full))
    if str(full) == "nbs/index.ipynb": return f"/index.ipynb{hash}{anchor}"
    if full in STAGES: return f"/{listing(full)}.md"
    if full.suffix == ".ipynb" or str(full.with_suffix("")) in TEXTS: return f"/{full}{hash}{anchor}"
    if full.suffix in (".png", ".jpg", ".gif", ".svg"):
        (source/full).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(full, source/full)
        return f"/{full}"
    return f"{cfg['git_url']}/{'tree' if full.is_dir() else 'blob'}/{cfg['branch']}/{full}{hash}{anchor}"


def with_links(text, here):
    parts = re.split(r"(^ *```.*?^ *```|`[^`\n]+`)", text, flags=re.M | re.S) # code at odd places
    def mend(part): return re.sub(r"\]\(([^)\s]+)\)", lambda found: f"]({where(found[1], here)})", part)
    return "".join(part if i % 2 else mend(part) for i, part in enumerate(parts))


# Notebooks, as they are saved: directives and hidden cells go

def read(path): return json.loads(Path(path).read_text(encoding="utf-8"))


def markdown(nb): return ["".join(c["source"]) for c in nb["cells"] if c["cell_type"] == "markdown"]


def outputs(cell, path): # without widgets, which would not move; links lead to pages
    for output in cell["outputs"]:
        data = output.get("data", {})
        if WIDGET in data: continue
        if "text/markdown" in data: data["text/markdown"] = with_links("".join(data["text/markdown"]), path)
        yield output


def shown(path, nb):
    for cell in nb["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            text = re.sub(r"\A(# .*\n+> .*\n)(- \w+: .*\n?)+", r"\1", text) # nbdev's front matter
            yield cell | dict(source=with_links(text, path))
            continue
        directives = re.findall(r"^#\s*\|\s*(\w+)", text, re.M)
        text = re.sub(r"^#\s*\|.*\n?", "", text, flags=re.M).strip()
        if "hide" in directives or not text: continue
        tags = [{"hide-input": "remove-input"}.get(t, t) for t in cell["metadata"].get("tags", [])]
        yield cell | dict(source=text, outputs=list(outputs(cell, path)), metadata=dict(tags=tags))


def notebook(path, end=""):
    nb = read(path)
    nb["metadata"] = dict(kernelspec=dict(name="python3", display_name="Python 3", language="python"),
                          language_info=dict(name="python", pygments_lexer="ipython3"))
    nb["cells"] = list(shown(path, nb))
    if end: nb["cells"].append(dict(cell_type="markdown", id="end", metadata={}, source=end))
    write("index.ipynb" if path.name == "index.ipynb" else path, json.dumps(nb))


def title(path): # of a notebook, and the line under it
    found = re.search(r"\A# (.+)\n+> (.+)", markdown(read(path))[0])
    if not found: sys.exit(f"{path}: begin the first text cell with `# title` and `> what it is about`")
    return found.groups()


# The stages: folders of notebooks

STAGES = sorted(p for p in Path("nbs").glob("[0-9][0-9]_*") if p.is_dir())


def stage_name(folder): return folder.name.split("_", 1)[1]


def listing(folder): return f"explanation/{stage_name(folder)}" # its page


def captions(): # folder -> what it holds, from the map of the index
    text = "\n\n".join(markdown(read("nbs/index.ipynb")))
    rows = dict(re.findall(r"^\| \[(\w+)\]\(\w+\) \| (.+) \|$", text, re.M))
    missing = [folder for folder in STAGES if folder.name not in rows]
    faults.extend(f"{folder}: is not in the map of nbs/index.ipynb; add a line" for folder in missing)
    return {folder: rows.get(folder.name, "") for folder in STAGES}


def toctree(entries, caption=""):
    head = ["```{toctree}", *([f":caption: {caption}"] if caption else []), ":hidden:"]
    return "\n".join([*head, "", *entries, "```", ""])


def list_page(name, head, text, paths): # notebooks, each with the line under its title
    def line(path):
        about = title(path)
        return f"- [{about[0]}](/{path}): {with_links(about[1], path)}"
    lines = "\n".join(map(line, paths))
    write(f"{name}.md", f"# {head}\n\n{text}\n\n{lines}\n\n" + toctree([f"/{p}" for p in paths]))
    return f"/{name}"


# Reference: signatures, docments and docstrings, read from the source

def prose(text): # Markdown, in which only code is meant
    text = " ".join((text or "").split())
    return re.sub(r"(`[^`]+`)|([*_<\[\]$\\{}~^|])", lambda m: m[1] or "\\" + m[2], text)


def directive(kind, name, body, options=(), depth=3):
    return "\n".join([":"*depth + f"{{py:{kind}}} {name}", *options, "", *body, ":"*depth, ""])


def arguments(fn): # (argument, default or None), in the order of the signature
    a = fn.args
    args = a.posonlyargs + a.args
    pairs = list(zip(args, [None]*(len(args) - len(a.defaults)) + a.defaults))
    if a.vararg: pairs.append((a.vararg, None))
    pairs += zip(a.kwonlyargs, a.kw_defaults)
    if a.kwarg: pairs.append((a.kwarg, None))
    return pairs


def returns_something(fn): return fn.returns and ast.unparse(fn.returns) != "None"


def decorators(fn): return {getattr(d, "id", "") for d in fn.decorator_list}


class Module:
    "One module's public names as a page"
    def __init__(self, path):
        text = path.read_text(encoding="utf-8")
        self.name, self.tree = f"{path.parent.name}.{path.stem}", ast.parse(text)
        self.notebook = Path(re.search(r"File to edit: (?:\.\./)*(nbs/\S+\.ipynb)", text)[1])
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        self.notes = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
        self.summary = ast.get_docstring(self.tree)
        self.nodes = {name: node for node in self.tree.body for name in self.names(node)}
        self.public = ast.literal_eval(self.nodes.pop("__all__").value)

    def full(self, name): return f"persistworld.{self.name}.{name}"

    def names(self, node):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)): return [node.name]
        targets = getattr(node, "targets", [node.target] if isinstance(node, ast.AnnAssign) else [])
        return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]

    def note(self, first, last): # comments of these lines
        return prose(" ".join(self.notes[n] for n in range(first, last + 1) if n in self.notes))

    def called(self, fn, method=False): # signature, and a line for each parameter with a comment
        lines = {}
        for arg, default in arguments(fn): # the last one of a line has its comment
            lines[(default or arg).end_lineno] = f":param {arg.arg}:", arg.lineno
        if returns_something(fn): lines[fn.returns.end_lineno] = ":returns:", fn.returns.end_lineno
        if method and "staticmethod" not in decorators(fn): (fn.args.posonlyargs or fn.args.args).pop(0)
        text = f"({ast.unparse(fn.args)})" + (f" -> {ast.unparse(fn.returns)}" if fn.returns else "")
        text = re.sub(r"((?:->|:) )'([\w.\[\], |]+)'", r"\1\2", text)
        notes = [(field, self.note(first, last)) for last, (field, first) in lines.items()]
        return text, [f"{field} {note}" for field, note in notes if note]

    def fields(self, cls): # of a dataclass or a NamedTuple
        found = [f for f in cls.body if isinstance(f, ast.AnnAssign) and not f.target.id.startswith("_")]
        def declared(f):
            default = f" = {ast.unparse(f.value)}" if f.value else ""
            return f"{f.target.id}: {ast.unparse(f.annotation)}{default}"
        notes = [(f.target.id, self.note(f.lineno, f.end_lineno)) for f in found]
        lines = [f":param {name}: {note}" for name, note in notes if note]
        return f"({', '.join(map(declared, found))})", lines

    def function(self, fn, cls=""):
        signature, lines = self.called(fn, bool(cls))
        about = prose(ast.get_docstring(fn))
        if decorators(fn) & {"property", "cached_property"}:
            note = self.notes.get(fn.returns.end_lineno) if fn.returns else None
            kind = [f":type: {ast.unparse(fn.returns)}"] if fn.returns else []
            return directive("property", fn.name, [about, "", prose(note)], kind)
        options = [f":{m}:" for m in ("classmethod", "staticmethod") if m in decorators(fn)]
        return directive("method" if cls else "function", fn.name + signature, [about, "", *lines], options)

    def cls(self, cls):
        methods = [n for n in cls.body if isinstance(n, ast.FunctionDef)]
        init = [m for m in methods if m.name == "__init__"]
        signature, lines = self.called(init[0], True) if init else self.fields(cls)
        bases = ", ".join(f"`{ast.unparse(b)}`" for b in cls.bases)
        body = [prose(ast.get_docstring(cls)), "", f"Bases: {bases}" if bases else "", "", *lines, ""]
        def special(m): return m.name != "__init__" and m.name.endswith("__") and ast.get_docstring(m)
        visible = [m for m in methods if not m.name.startswith("_") or special(m)]
        name = cls.name + ("" if signature == "()" else signature)
        return directive("class", name, body + [self.function(m, cls.name) for m in visible], depth=4)

    def value(self, name, node):
        text = shorten(ast.unparse(node.value), 90, placeholder=" ...")
        options = [f":value: {json.dumps(text, ensure_ascii=False)}"] # may be half a string
        if isinstance(node, ast.AnnAssign): options.append(f":type: {ast.unparse(node.annotation)}")
        return directive("data", name, [prose(self.notes.get(node.end_lineno))], options)

    def entry(self, name):
        node = self.nodes.get(name)
        if isinstance(node, ast.FunctionDef): return self.function(node)
        if isinstance(node, ast.ClassDef): return self.cls(node)
        return self.value(name, node) if node else "" # is reported as missing

    def page(self):
        name = f"persistworld.{self.name}"
        about = f"{prose(self.summary)} Explained and made in [{title(self.notebook)[0]}](/{self.notebook})."
        head = f"# {name}\n\n:::{{py:module}} {name}\n:::\n\n{about}\n\n"
        return head + "\n".join(map(self.entry, self.public))


# Write the pages

modules = sorted((Module(p) for p in Path("persistworld").glob("*/[a-z]*.py")), key=lambda m: m.notebook)
for m in modules: write(f"reference/{m.name}.md", m.page())


def reference_table(folder): # of one stage
    mine = [m for m in modules if m.notebook.parent == folder]
    rows = [f"| [{m.name}](/reference/{m.name}.md) | {prose(m.summary)} |" for m in mine]
    return "\n".join([f"## {stage_name(folder)}", "", "| module | what it has |", "|---|---|", *rows, ""])


write("reference/index.md", "# Modules\n\n" + "\n".join(map(reference_table, STAGES)) + "\n"
      + toctree([f"{m.name} </reference/{m.name}>" for m in modules]))

about = captions()
pages = sorted(p for p in Path("nbs").glob("*.ipynb") if str(p) not in MADE_FROM.values())
clicked = [p for p in pages if p.stem.startswith("explore_")]
runs = [p for p in pages if p not in clicked]
lessons = {folder: sorted(folder.glob("*.ipynb")) for folder in STAGES}


def stage_page(folder):
    text = with_links(about[folder], Path("nbs/index.ipynb"))
    head, text = stage_name(folder).capitalize(), text[:1].upper() + text[1:] + "."
    return list_page(listing(folder), head, text, lessons[folder])


explained = [stage_page(folder) for folder in STAGES]
ran_by = "With papermill; `--help-notebook` explains a page's parameters."
run = [list_page("run/papermill", "Pages to run", ran_by, runs),
       list_page("run/explore", "Pages to click on", "In `jupyter lab`.", clicked)]
notebooks = {p.stem: p for p in pages + sum(lessons.values(), [])}
for p in [*notebooks.values(), Path("nbs/results.ipynb")]: notebook(p)

parts = {"Tutorial": PAGES["Tutorial"], "How-to": PAGES["How-to"], "Run": run, "Explanation": explained,
         "Reference": ["reference/index"], "Project": ["nbs/results", *PAGES["Project"]]}
trees = [toctree([f"/{entry.lstrip('/')}" for entry in entries], part) for part, entries in parts.items()]
notebook(Path("nbs/index.ipynb"), "\n".join(trees))
for name in TEXTS:
    file = Path(f"{name}.md")
    write(file, with_links(file.read_text(encoding="utf-8"), file))


# Names in text lead to the reference, and notebooks' names to notebooks

full = {}
for m in modules:
    for name in m.public:
        full.setdefault(name, []).append(m.full(name))
        full[m.full(name)] = [m.full(name)]


def target_of(text): # of a literal, if it is known
    name = text.removesuffix("()")
    page = notebooks.get(text)
    if page: return dict(refdomain="std", reftype="doc", reftarget=f"/{page.with_suffix('')}")
    if len(full.get(name, [])) == 1 and re.search(r"[A-Z_]|\(\)$", text):
        return dict(refdomain="py", reftype="obj", reftarget=full[name][0])


def link_names(app, doctree):
    for node in list(doctree.findall(nodes.literal)):
        target = target_of(node.astext())
        if not target or isinstance(node.parent, (nodes.title, nodes.reference, pending_xref)): continue
        options = dict(refdoc=app.env.docname, refexplicit=True, refwarn=True)
        node.replace_self(pending_xref("", node.deepcopy(), **options, **target))


# Build

mathjax = files("mathjax")/"static/mathjax/es5/tex-svg.js" # one file, with its fonts: no network
write("static/mathjax.js", mathjax.read_text(encoding="utf-8"))
shutil.copy("docs/site.css", source/"static/site.css")
options = dict(
    project="PersistWorld", author=cfg["author"], copyright=cfg["copyright"], version=cfg["version"],
    release=cfg["version"], language="en", root_doc="index", exclude_patterns=["static", ".out"],
    extensions=["myst_nb", "sphinx.ext.mathjax"], mathjax_path="mathjax.js",
    nb_execution_mode="off", nb_merge_streams=True, nb_render_markdown_format="myst",
    myst_enable_extensions=["colon_fence", "dollarmath", "fieldlist"], myst_heading_anchors=4,
    add_module_names=False, python_maximum_signature_line_length=70, toc_object_entries_show_parents="hide",
    html_theme="furo", html_title="PersistWorld", html_static_path=["static"], html_css_files=["site.css"],
    html_copy_source=False, html_show_sphinx=False)
app = Sphinx(source, None, source/".out"/"html", source/".out"/"doctrees", "html", confoverrides=options,
             warningiserror=True, status=None)
app.connect("doctree-read", link_names)
app.build()
shutil.rmtree(site, ignore_errors=True)
shutil.move(app.outdir, site)
if app.statuscode: faults.append("sphinx has warnings, above")


# Check

class Page(HTMLParser):
    "What a page has, and where it leads"
    def __init__(self, path):
        super().__init__()
        self.ids, self.links = {""}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.ids |= {a.get("id"), a.get("name")}
        if tag == "link" and a.get("rel") in ("canonical", "search"): return
        self.links += [(a[k], tag != "a") for k in ("href", "src") if a.get(k)]


built = {p: Page(p) for p in site.rglob("*.html")}


def link_fault(path, link, needed): # by the page itself, not only on a click
    url = urlsplit(link)
    if url.scheme or url.netloc:
        return f"{path}: needs {link} from the network" if needed and url.scheme != "data" else ""
    target = Path(os.path.normpath(path.parent/unquote(url.path))) if url.path else path
    if target.exists() and (target not in built or unquote(url.fragment) in built[target].ids): return ""
    return f"{path}: {link} leads nowhere"


faults += [fault for path, page in built.items() for link in page.links if (fault := link_fault(path, *link))]
for m in modules:
    missing = [name for name in m.public if m.full(name) not in built[site/f"reference/{m.name}.html"].ids]
    if missing: faults.append(f"persistworld.{m.name}: not in the reference: {', '.join(missing)}")

(site/".nojekyll").touch()
found = f"{site}: {len(built)} pages, {sum(len(m.public) for m in modules)} public names, links in order"
print("\n".join(faults) or found)
sys.exit(bool(faults))
