"Package metadata, read from settings.ini (nbdev 2)."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

config = ConfigParser(delimiters=["="])
config.read("settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]
extras = "dev", "sim", "browser", "postgresql", "rerun", "policies", "docs"
setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    author=cfg["author"],
    author_email=cfg["author_email"],
    url=cfg["git_url"],
    packages=find_packages(include=["persistworld*"]),
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg["requirements"].split(),
    extras_require={name: cfg[f"{name}_requirements"].split() for name in extras},
    entry_points={
        "nbdev": [f"{cfg['lib_name']}=persistworld._modidx:d"],
        "papermill.engine": ["persistworld=persistworld.core.engine:SignalEngine"]},
)
