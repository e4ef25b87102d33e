"""Finding personal data and credentials in text, each with the checks that its form allows."""

from monitoring.entities.finder import find_entities
from monitoring.entities.recognizer import Entity

__all__ = ["Entity", "find_entities"]
