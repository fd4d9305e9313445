"""Mapping: source records to normalized entities, figures to field values."""

from mapping.checks import problems
from mapping.codecs import Context
from mapping.loading import KindMapping, load
from mapping.rules import MappingError
from mapping.translate import Reject, Translated, Translator, context_of

__all__ = [
    "Context",
    "KindMapping",
    "MappingError",
    "Reject",
    "Translated",
    "Translator",
    "context_of",
    "load",
    "problems",
]
