"""A YAML text as plain values that know their lines."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import yaml

from monitoring.rules.rule import RuleError

__all__ = ["Document"]


class Document:
    """The `content` of a YAML text: mappings with texts as keys, lists and plain values, None without any.

    Raises RuleError where the text is no YAML, or says a key of a mapping twice.
    """

    def __init__(self, text: str) -> None:
        try:
            loader = _Loader(text)
            self._root: yaml.Node | None = loader.get_single_node()
            self.content = loader.construct_document(self._root) if self._root else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            reason = error.problem or error.context
            raise RuleError(mark.line + 1 if mark else 1, f"this is no valid YAML: {reason}") from error
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise RuleError(line, "this line holds a character that YAML does not allow") from error

    def line_of(self, place: Sequence[str | int]) -> int:
        """Return the line, counted from 1, of the value behind these keys and numbers.

        A value of a mapping stands where its key does. Where nothing is, it is the line of what should hold it.
        """
        node, mark = self._root, self._root.start_mark if self._root else None
        for part in place:
            if isinstance(node, yaml.MappingNode):
                found = [(key, value) for key, value in node.value if key.value == part]
                if not found:
                    break
                key, node = found[0]
                mark = key.start_mark
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                node = node.value[part]
                mark = node.start_mark
        return mark.line + 1 if mark else 1


class _Loader(yaml.SafeLoader):
    """Builds plain values only, with the keys of a mapping as they are written."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 the signature is PyYAML's
        if not isinstance(node, yaml.MappingNode):  # a text can claim to be one, by its tag
            return super().construct_mapping(node, deep)
        found: dict[Hashable, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise RuleError(line, "a key is to be one plain value")
            if key.value in found:
                raise RuleError(line, f"`{key.value}` is said twice")
            found[key.value] = self.construct_object(value, deep=deep)
        return found

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 the signature is PyYAML's
        try:
            return super().construct_object(node, deep)
        except RuleError:
            raise
        except ValueError as error:  # a date that no calendar has, a number of too many digits
            line = node.start_mark.line + 1
            raise RuleError(line, "this value cannot be read: put it in quotes") from error
