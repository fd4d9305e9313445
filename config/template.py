"""The commented `portico.yaml` that `portico init` writes: valid as it stands, and writing nothing."""

from importlib.resources import files

TEMPLATE = files("config").joinpath("portico.yaml").read_text(encoding="utf-8")
"""The text of the file."""
