"Make the site in _docs/ from the notebooks, docs/*.md and the package's source, without running anything; a missing name or a dead link fails."
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
PAGES = {"Tutorial": ["docs/first-post-training"], "How-to": [f"docs/{x}" for x in ("your-robot", "your-reward", "your-cluster", "ctrl-world")], "Project": ["CONTRIBUTING", "CHANGELOG"]}
settings = ConfigParser(delimiters=["="])
settings.read("settings.ini", encoding="utf-8")
cfg = settings["DEFAULT"]
source, site, faults = Path("_proc"), Path(cfg["doc_path"]), []
shutil.rmtree(source, ignore_errors=True)


def write(file, text):
    (source/file).parent.mkdir(parents=True, exist_ok=True)
    (source/file).write_text(text, encoding="utf-8")


# Links: a page leads to the page, a picture comes along, any other file is shown by the repository

def where(target, here):
    path, hash, anchor = target.partition("#")
    if not path or urlsplit(path).scheme: return target
    full = Path(os.path.normpath(here.parent/unquote(path)))
    if not full.exists() or full.is_absolute() or ".." in full.parts:
        faults.append(f"{here}: {target} leads nowhere")
        return target
    if str(full) in ("README.md", "nbs/index.ipynb"): return f"/index.ipynb{hash}{anchor}"
    if full.suffix == ".ipynb" or str(full.with_suffix("")) in sum(PAGES.values(), []): return f"/{full}{hash}{anchor}"
    if full.suffix in (".png", ".jpg", ".gif", ".svg"):
        (source/full).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(full, source/full)
        return f"/{full}"
    return f"{cfg['git_url']}/{'tree' if full.is_dir() else 'blob'}/{cfg['branch']}/{full}{hash}{anchor}"


def with_links(text, here):
    parts = re.split(r"(^ *```.*?^ *```|`[^`\n]+`)", text, flags=re.M | re.S) # code at odd places
    return "".join(p if i % 2 else re.sub(r"\]\(([^)\s]+)\)", lambda m: f"]({where(m[1], here)})", p) for i, p in enumerate(parts))


# Notebooks, as they are saved: directives and hidden cells go

def read(path): return json.loads(Path(path).read_text(encoding="utf-8"))
def markdown(nb): return ["".join(c["source"]) for c in nb["cells"] if c["cell_type"] == "markdown"]


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
        outputs = [o for o in cell["outputs"] if "application/vnd.jupyter.widget-view+json" not in o.get("data", {})] # nothing would move
        for o in outputs:
            if "text/markdown" in o.get("data", {}): o["data"]["text/markdown"] = with_links("".join(o["data"]["text/markdown"]), path)
        tags = [{"hide-input": "remove-input"}.get(t, t) for t in cell["metadata"].get("tags", [])]
        yield cell | dict(source=text, outputs=outputs, metadata=dict(tags=tags))


def notebook(path, end=""):
    nb = read(path)
    nb["metadata"] = dict(kernelspec=dict(name="python3", display_name="Python 3", language="python"), language_info=dict(name="python", pygments_lexer="ipython3"))
    nb["cells"] = list(shown(path, nb)) + ([dict(cell_type="markdown", id="end", metadata={}, source=end)] if end else [])
    write("index.ipynb" if path.name == "index.ipynb" else path, json.dumps(nb))


def title(path): # of a notebook, and the line under it
    found = re.search(r"\A# (.+)\n+> (.+)", markdown(read(path))[0])
    if not found: sys.exit(f"{path}: begin the first text cell with `# title` and a line `> what it is about`")
    return found.groups()


def groups(): # of notebooks, and what they teach: the map in the index
    text = re.search(r"^## The notebooks, in reading order\n(.*?)^## ", "\n\n".join(markdown(read("nbs/index.ipynb"))), re.M | re.S)
    if not text: sys.exit("nbs/index.ipynb: no section `## The notebooks, in reading order`, whose table the site follows")
    for part in re.split(r"\n\n|\n(?=\|)", text[1]):
        found = re.findall(r"\]\((\w+)\.ipynb\)", part)
        if found: yield (part.split("|")[2] if part.startswith("|") else part.split(":")[0]).strip(), found


def toctree(entries, caption="", hidden=True):
    return "\n".join(["```{toctree}", *([f":caption: {caption}"] if caption else []), *([":hidden:"] if hidden else []), "", *entries, "```", ""])


# Reference: signatures, docments and docstrings, read from the source

def prose(text): # Markdown, in which only code is meant
    return re.sub(r"(`[^`]+`)|([*_<\[\]$\\{}~^|])", lambda m: m[1] or "\\" + m[2], " ".join((text or "").split()))


def directive(kind, name, body, options=(), depth=3):
    return "\n".join([":"*depth + f"{{py:{kind}}} {name}", *options, "", *body, ":"*depth, ""])


class Module:
    "One module's public names as a page"
    def __init__(self, path):
        text = path.read_text(encoding="utf-8")
        self.name, self.tree = path.stem, ast.parse(text)
        self.notebook = re.search(r"File to edit: \.\./(nbs/\S+\.ipynb)", text)[1]
        self.notes = {t.start[0]: t.string.lstrip("# ") for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT}
        self.summary = ast.get_docstring(self.tree)
        self.nodes = {name: node for node in self.tree.body for name in self.names(node)}
        self.public = ast.literal_eval(self.nodes.pop("__all__").value)

    def names(self, node):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)): return [node.name]
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]

    def note(self, first, last): return prose(" ".join(self.notes[n] for n in range(first, last + 1) if n in self.notes))

    def called(self, fn, method=False): # signature, and a line for each parameter with a comment
        a, lines = fn.args, {}
        args = a.posonlyargs + a.args
        pairs = [*zip(args, [None]*(len(args) - len(a.defaults)) + a.defaults), *([(a.vararg, None)] if a.vararg else []), *zip(a.kwonlyargs, a.kw_defaults), *([(a.kwarg, None)] if a.kwarg else [])]
        for arg, default in pairs: lines[(default or arg).end_lineno] = f":param {arg.arg}:", arg.lineno # the last one of a line has its comment
        if fn.returns and not (isinstance(fn.returns, ast.Constant) and fn.returns.value is None): lines[fn.returns.end_lineno] = ":returns:", fn.returns.end_lineno
        static = any(getattr(d, "id", "") == "staticmethod" for d in fn.decorator_list)
        if method and not static: (a.posonlyargs or a.args).pop(0)
        text = f"({ast.unparse(a)})" + (f" -> {ast.unparse(fn.returns)}" if fn.returns else "")
        return re.sub(r"((?:->|:) )'([\w.\[\], |]+)'", r"\1\2", text), [f"{field} {note}" for last, (field, first) in lines.items() if (note := self.note(first, last))]

    def fields(self, cls): # of a dataclass or a NamedTuple
        found = [f for f in cls.body if isinstance(f, ast.AnnAssign) and not f.target.id.startswith("_")]
        text = ", ".join(f"{f.target.id}: {ast.unparse(f.annotation)}" + (f" = {ast.unparse(f.value)}" if f.value else "") for f in found)
        return f"({text})", [f":param {f.target.id}: {note}" for f in found if (note := self.note(f.lineno, f.end_lineno))]

    def function(self, fn, cls=""):
        signature, lines = self.called(fn, bool(cls))
        marks = {getattr(d, "id", "") for d in fn.decorator_list}
        body = [prose(ast.get_docstring(fn)), "", *lines]
        if "property" in marks or "cached_property" in marks:
            note = self.notes.get(fn.returns.end_lineno) if fn.returns else None
            return directive("property", fn.name, [body[0], "", prose(note)], [f":type: {ast.unparse(fn.returns)}"] if fn.returns else [])
        return directive("method" if cls else "function", fn.name + signature, body, [f":{m}:" for m in ("classmethod", "staticmethod") if m in marks])

    def cls(self, cls):
        methods = [n for n in cls.body if isinstance(n, ast.FunctionDef)]
        init = [m for m in methods if m.name == "__init__"]
        signature, lines = self.called(init[0], True) if init else self.fields(cls)
        bases = ", ".join(f"`{ast.unparse(b)}`" for b in cls.bases)
        body = [prose(ast.get_docstring(cls)), "", f"Bases: {bases}" if bases else "", "", *lines, ""]
        visible = [m for m in methods if not m.name.startswith("_") or m.name != "__init__" and m.name.endswith("__") and ast.get_docstring(m)]
        return directive("class", cls.name + ("" if signature == "()" else signature), body + [self.function(m, cls.name) for m in visible], depth=4)

    def value(self, name, node):
        options = [f":value: {shorten(ast.unparse(node.value), 90, placeholder=' ...')}"] + ([f":type: {ast.unparse(node.annotation)}"] if isinstance(node, ast.AnnAssign) else [])
        return directive("data", name, [prose(self.notes.get(node.end_lineno))], options)

    def entry(self, name):
        node = self.nodes.get(name)
        if isinstance(node, ast.FunctionDef): return self.function(node)
        if isinstance(node, ast.ClassDef): return self.cls(node)
        return self.value(name, node) if node else "" # is reported as missing

    def page(self):
        about = f"{prose(self.summary)} Explained and made in [{title(self.notebook)[0]}](/{self.notebook})."
        return f"# persistworld.{self.name}\n\n:::{{py:module}} persistworld.{self.name}\n:::\n\n{about}\n\n" + "\n".join(map(self.entry, self.public))


# Write the pages

modules = sorted((Module(p) for p in Path("persistworld").glob("[a-z]*.py")), key=lambda m: m.notebook)
for m in modules: write(f"reference/{m.name}.md", m.page())
write("reference/index.md", "# Modules\n\n| module | what it has |\n|---|---|\n" + "".join(f"| [{m.name}](/reference/{m.name}.md) | {prose(m.summary)} |\n" for m in modules)
      + "\n" + toctree([f"{m.name} </reference/{m.name}>" for m in modules]))

known, explained = set(), []
for label, found in groups():
    known |= set(found)
    caption = re.split("[:;]", label)[0]
    caption = caption[0].upper() + caption[1:]
    if len(found) == 1: explained.append(f"{caption} </nbs/{found[0]}>"); continue
    name = f"explanation/{re.sub(r'[^a-z0-9]+', '-', caption.lower())}"
    lines = [f"- [{head}](/nbs/{x}.ipynb): {with_links(line, Path('nbs/index.ipynb'))}" for x in found for head, line in [title(f"nbs/{x}.ipynb")]]
    write(f"{name}.md", f"# {caption}\n\n{label.split(': ')[-1]}\n\n" + "\n".join(lines) + "\n\n" + toctree([f"/nbs/{x}" for x in found]))
    explained.append(f"/{name}")
notebooks = sorted(p for p in Path("nbs").glob("*.ipynb") if p.name != "index.ipynb")
faults += [f"{p}: is not in the map of nbs/index.ipynb; add it there" for p in notebooks if p.stem not in known]

for p in notebooks: notebook(p)
parts = {**{k: v for k, v in PAGES.items() if k != "Project"}, "Explanation": explained, "Reference": ["/reference/index"], "Project": PAGES["Project"]}
notebook(Path("nbs/index.ipynb"), "\n".join(toctree([x if "<" in x else f"/{x.lstrip('/')}" for x in found], part) for part, found in parts.items()))
for name in sum(PAGES.values(), []): write(f"{name}.md", with_links(Path(f"{name}.md").read_text(encoding="utf-8"), Path(f"{name}.md")))


# Names in text lead to the reference, and notebooks' names to notebooks

full = {}
for m in modules:
    for name in m.public:
        full.setdefault(name, []).append(f"persistworld.{m.name}.{name}")
        full[f"persistworld.{m.name}.{name}"] = [f"persistworld.{m.name}.{name}"]


def link_names(app, doctree):
    for node in list(doctree.findall(nodes.literal)):
        text = node.astext()
        name = text.removesuffix("()")
        if any(isinstance(node.parent, t) for t in (nodes.title, nodes.reference, pending_xref)): continue
        if text in known: target = dict(refdomain="std", reftype="doc", reftarget=f"/nbs/{text}")
        elif len(full.get(name, [])) == 1 and re.search(r"[A-Z_]|\(\)$", text): target = dict(refdomain="py", reftype="obj", reftarget=full[name][0])
        else: continue
        node.replace_self(pending_xref("", node.deepcopy(), refdoc=app.env.docname, refexplicit=True, refwarn=True, **target))


# Build

mathjax = files("mathjax")/"static/mathjax/es5/tex-svg.js" # one file, fonts included: formulas need no network
write("static/mathjax.js", mathjax.read_text(encoding="utf-8"))
shutil.copy("docs/site.css", source/"static/site.css")
options = dict(
    project="PersistWorld", author=cfg["author"], copyright=cfg["copyright"], version=cfg["version"], release=cfg["version"], language="en",
    extensions=["myst_nb", "sphinx.ext.mathjax"], root_doc="index", exclude_patterns=["static", ".out"],
    nb_execution_mode="off", nb_merge_streams=True, nb_render_markdown_format="myst", myst_enable_extensions=["colon_fence", "dollarmath", "fieldlist"], myst_heading_anchors=4,
    add_module_names=False, python_maximum_signature_line_length=70, toc_object_entries_show_parents="hide", mathjax_path="mathjax.js",
    html_theme="furo", html_title="PersistWorld", html_static_path=["static"], html_css_files=["site.css"], html_copy_source=False, html_show_sphinx=False)
app = Sphinx(source, None, source/".out"/"html", source/".out"/"doctrees", "html", confoverrides=options, warningiserror=True, status=None)
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


pages = {p: Page(p) for p in site.rglob("*.html")}
for path, page in pages.items():
    for link, needed in page.links:
        url = urlsplit(link)
        if url.scheme or url.netloc:
            if needed and url.scheme != "data": faults.append(f"{path}: needs {link} from the network")
            continue
        target = Path(os.path.normpath(path.parent/unquote(url.path))) if url.path else path
        if not target.exists() or target in pages and unquote(url.fragment) not in pages[target].ids: faults.append(f"{path}: {link} leads nowhere")
for m in modules:
    missing = [n for n in m.public if f"persistworld.{m.name}.{n}" not in pages[site/f"reference/{m.name}.html"].ids]
    if missing: faults.append(f"persistworld/{m.name}.py: not in the reference: {', '.join(missing)}")

(site/".nojekyll").touch()
print("\n".join(faults) or f"{site}: {len(pages)} pages, {sum(len(m.public) for m in modules)} public names, links in order")
sys.exit(bool(faults))
