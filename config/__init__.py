"""Settings: `portico.yaml`, secrets, packaged gate packs and status-rule presets."""

from config.loading import ConfigurationError, Problem, load, schema
from config.settings import Settings

__all__ = ["ConfigurationError", "Problem", "Settings", "load", "schema"]
