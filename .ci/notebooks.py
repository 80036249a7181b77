"Checks of the notebooks that nbdev does not make: size, widget state, papermill parameters and run files."
import json, sys
from pathlib import Path
import papermill, yaml
from persistworld.sweep import read_table

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

for path in sorted(Path("nbs/runs/tables").glob("*.yaml")):
    try: read_table(path, "nbs/train.ipynb")
    except ValueError as e: faults.append(str(e))

print("\n".join(faults) or "notebooks and run files are in order")
sys.exit(bool(faults))
