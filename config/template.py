"""The commented `portico.yaml` that `portico init` writes."""

from importlib.resources import files


def template() -> str:
    """A starting configuration that is valid as it stands, connects to nothing and writes nothing."""
    return files("config").joinpath("portico.yaml").read_text(encoding="utf-8")
