"Checks of the package: one module for each public name, and no import from a later stage."
import ast, re
from pathlib import Path
from typing import NamedTuple

MOST = 10 # other modules of the package that one may import
NO_TORCH = ( # modules that the simulator's environment imports, which has none
    r"tabletop\.|core\.(files|parameters|video|engine|torchvision_ops)$|"
    r"data\.(episodes|lerobot|lerobot_writer)$")


class Module(NamedTuple):
    name: str # such as model.rollout
    place: tuple # (number of the folder, number of the notebook)
    public: list # names
    imports: set # modules of the package, anywhere in the file
    at_once: set # what is imported as soon as the module is: modules of the package, first names of others


def imported(nodes, name): # modules of the package, and first names of other packages
    own, others = set(), set()
    for node in nodes:
        if isinstance(node, ast.Import): found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom): found = [from_package(node, name)]
        else: continue
        own |= {x.removeprefix("persistworld.") for x in found if x.startswith("persistworld.")}
        others |= {x.split(".")[0] for x in found if not x.startswith("persistworld.")}
    return own, others


def from_package(node, name): # `..model.edm` of a module `posttrain.update` is persistworld.model.edm
    if not node.level: return node.module
    return ".".join(filter(None, ["persistworld", *name.split(".")[:-node.level], node.module]))


def place(text): # of the notebook that made it
    found = re.search(r"File to edit: \S*?nbs/(\d+)_\w+/(\d+)_\w+\.ipynb", text)
    return tuple(map(int, found.groups())) if found else None


def read_module(
    name:str, # such as model.rollout
    text:str, # its source
)->Module:
    "What a module says about itself, without importing it"
    tree = ast.parse(text)
    assigned = {getattr(n.targets[0], "id", ""): n.value for n in tree.body if isinstance(n, ast.Assign)}
    public = ast.literal_eval(assigned["__all__"]) if "__all__" in assigned else []
    own, others = imported(tree.body, name)
    return Module(name, place(text), public, imported(ast.walk(tree), name)[0], own | others)


def read_package(folder="persistworld"):
    paths = sorted(Path(folder).glob("*/[a-z]*.py"))
    return [read_module(f"{p.parent.name}.{p.stem}", p.read_text(encoding="utf-8")) for p in paths]


def name_faults(modules): # a public name has one module
    homes = {}
    for m in modules:
        for name in m.public: homes.setdefault(name, []).append(m.name)
    shared = {name: " and ".join(found) for name, found in homes.items() if len(found) > 1}
    return [f"{name} is public in {found}: rename one" for name, found in shared.items()]


def import_fault(m, other, places): # what is wrong with one import
    said = f"persistworld.{m.name} imports persistworld.{other}"
    if other not in places: return f"{said}, which is no module"
    if None in (m.place, places[other]) or places[other] < m.place: return ""
    return f"{said}, which comes later: import from lower folders and, in one's own, from lower numbers"


def import_faults(modules): # folders and notebooks are in the order of the data flow
    places = {m.name: m.place for m in modules}
    homeless = [m.name for m in modules if m.place is None]
    many = {m.name: len(m.imports) for m in modules if len(m.imports) > MOST}
    found = [import_fault(m, other, places) for m in modules for other in sorted(m.imports)]
    found += [f"persistworld.{name} does not say which notebook of nbs/ made it" for name in homeless]
    found += [f"persistworld.{name} imports {n} others of the package, {MOST} is the most"
              for name, n in many.items()]
    return list(filter(None, found))


def torch_faults(modules): # of NO_TORCH
    known = {m.name: m for m in modules}

    def reaches(name, seen): # what leads from a module to torch
        if name == "torch": return [name]
        if name in seen or name not in known: return []
        found = (reaches(other, seen | {name}) for other in sorted(known[name].at_once))
        return next(([name, *way] for way in found if way), [])

    ways = [reaches(m.name, set()) for m in modules if re.match(NO_TORCH, m.name)]
    return [f"persistworld.{way[0]} imports torch at once: {' -> '.join(way)}" for way in ways if way]


def faults(folder="persistworld"):
    modules = read_package(folder)
    return name_faults(modules) + import_faults(modules) + torch_faults(modules)
