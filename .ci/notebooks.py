"Checks of the notebooks that nbdev does not make: size, widget state, papermill parameters and run files."
import ast, json, sys
from dataclasses import fields
from pathlib import Path
import papermill, yaml
from persistworld.sweeps.sweep import read_table
from persistworld.posttrain.recipes import RLConfig

faults = []
for path in sorted(Path("nbs").glob("*.ipynb")):
    nb = json.loads(path.read_text())
    if path.stat().st_size > 1_000_000: faults.append(f"{path}: {path.stat().st_size//1000} kB, the limit is 1000")
    if "widgets" in nb["metadata"]: faults.append(f"{path}: widget state is saved; clear it")
    cells = [c for c in nb["cells"] if c["cell_type"] == "code"]
    if any(o["output_type"] == "error" for c in cells for o in c["outputs"]): faults.append(f"{path}: a saved output is an error")
    calls = any("check_parameters(In)" in "".join(c["source"]) for c in cells)
    tagged = any("parameters" in c["metadata"].get("tags", []) for c in cells)
    exported = any("default_exp" in "".join(c["source"]) for c in cells)
    if tagged and not calls: faults.append(f"{path}: has parameters and does not call check_parameters(In)")
    if calls and not tagged and not exported: faults.append(f"{path}: its parameters cell has lost the tag `parameters`")

for path in sorted(Path("nbs/runs").glob("*.yaml")):
    notebook = Path("nbs")/f"{path.stem.split('-')[0]}.ipynb"
    if not notebook.exists(): faults.append(f"{path}: no notebook {notebook}"); continue
    unknown = set(yaml.safe_load(path.read_text()) or {}) - set(papermill.inspect_notebook(notebook))
    if unknown: faults.append(f"{path}: {notebook} has no parameter {', '.join(sorted(unknown))}")

default = {name: ast.literal_eval(p["default"]) for name, p in papermill.inspect_notebook("nbs/train.ipynb").items()}
for path in sorted(Path("nbs/runs/tables").glob("*.yaml")):
    try:
        for run in read_table(path, "nbs/train.ipynb").runs: RLConfig(**{f.name: (default | run.parameters)[f.name] for f in fields(RLConfig) if f.name in default})
    except (TypeError, ValueError) as e: faults.append(str(e) if str(path) in str(e) else f"{path}: {e}") # read_table names its file

print("\n".join(faults) or "notebooks and run files are in order")
sys.exit(bool(faults))
