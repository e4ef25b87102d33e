"""Reading the text of a filter, by recursive descent.

filter     = [or]
or         = and {"or" and}
and        = part {"and" part}
part       = "not" part | "(" or ")" | comparison
comparison = field (operator value | ["not"] "in" "(" value {"," value} ")"
           | ["not"] "contains" value | "is" ["not"] "null" | "exists" | )
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from app.errors import InvalidParameter
from app.filters.conditions import And, Comparison, Condition, Operator, Or, Value, negate
from app.filters.fields import Field, FieldType, find_field, near_names
from app.filters.filter import Filter, join
from app.filters.tokens import Token, TokenKind, refuse, tokenize
from app.filters.values import KEYWORDS, read_value

__all__ = [
    "MOST_COMPARISONS",
    "MOST_DEPTH",
    "MOST_KEY_CHARACTERS",
    "MOST_VALUES",
    "parse_filter",
    "written_operators",
]

MOST_COMPARISONS: Final = 50
MOST_VALUES: Final = 100
"""Values in one list."""
MOST_DEPTH: Final = 20
"""Parentheses and `not` inside each other."""
MOST_KEY_CHARACTERS: Final = 256
_OPERATORS: Final = {
    "=": (Operator.IN, False),
    "!=": (Operator.IN, True),
    "~": (Operator.CONTAINS, False),
    "!~": (Operator.CONTAINS, True),
    **{sign: (Operator(sign), False) for sign in ("<", "<=", ">", ">=")},
}


@lru_cache(maxsize=256)
def parse_filter(text: str) -> Filter:
    """Return the filter of a text; a blank one lets every trace pass.

    Raises InvalidParameter that names the field `filter`, the character, and what was expected.
    """
    return _Parser(tokenize(text)).filter()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self._comparisons = 0

    def filter(self) -> Filter:
        if self._ended():
            return Filter()
        found = self._or()
        if not self._ended():
            raise refuse(self._token.start, f"`and`, `or` or the end is expected here, not {self._token}")
        return Filter(found)

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _ended(self) -> bool:
        return self._token.kind is TokenKind.END

    def _take(self) -> Token:
        token = self._token
        self._next += token.kind is not TokenKind.END
        return token

    def _says(self, *keywords: str) -> bool:
        """Take the next tokens if they are these keywords."""
        ahead = self._tokens[self._next : self._next + len(keywords)]
        said = tuple(one.text.lower() for one in ahead if one.kind is TokenKind.WORD) == keywords
        self._next += len(keywords) * said
        return said

    def _marked(self, mark: str) -> bool:
        """Take the next token if it is this mark."""
        marked = self._token.kind is TokenKind.MARK and self._token.text == mark
        self._next += marked
        return marked

    def _or(self) -> Condition:
        return self._joined(Or, "or", self._and)

    def _and(self) -> Condition:
        return self._joined(And, "and", self._part)

    def _joined(self, kind: type[And | Or], word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._says(word):
            parts.append(part())
        return join(kind, parts)

    def _part(self) -> Condition:
        begin = self._token
        if self._says("not"):
            return negate(self._deeper(begin, self._part))
        if self._marked("("):
            found = self._deeper(begin, self._or)
            if not self._marked(")"):
                raise refuse(
                    self._token.start,
                    f"`)` is expected for the `(` at character {begin.start + 1}, not {self._token}",
                )
            return found
        return self._comparison()

    def _deeper(self, begin: Token, part: Callable[[], Condition]) -> Condition:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise refuse(begin.start, f"parentheses and `not` may be {MOST_DEPTH} deep, and these are deeper")
        found = part()
        self._depth -= 1
        return found

    def _comparison(self) -> Condition:
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise refuse(
                self._token.start, f"a filter may have {MOST_COMPARISONS} comparisons, and this one has more"
            )
        field, key = self._field()
        at = self._token
        operator, negated, values = self._compared(field)
        if operator not in field.operators:
            raise refuse(at.start, f"{field.name} cannot be compared with {at}; {_offered(field)}")
        found = Comparison(field.name, operator, values, key)
        return negate(found) if negated else found

    def _compared(self, field: Field) -> tuple[Operator, bool, tuple[Value, ...]]:
        """Read what follows a field: the operator, whether it is negated, and the values."""
        if self._says("is", "null"):
            return Operator.EXISTS, True, ()
        if self._says("is", "not", "null") or self._says("exists"):
            return Operator.EXISTS, False, ()
        for negated in (False, True):
            begin = ("not",) * negated
            if self._says(*begin, "in"):
                return Operator.IN, negated, self._list(field)
            if self._says(*begin, "contains"):
                return Operator.CONTAINS, negated, (self._value(field, Operator.CONTAINS),)
        if self._token.kind is TokenKind.OPERATOR:
            operator, negated = _OPERATORS[self._take().text]
            return operator, negated, (self._value(field, operator),)
        if field.type is FieldType.TRUTH:
            return Operator.IN, False, (True,)
        raise refuse(self._token.start, f"after {field.name} {_offered(field)}, not {self._token}")

    def _value(self, field: Field, operator: Operator) -> Value:
        # An operator that the field does not have is refused before its value is.
        if operator not in field.operators:
            return ""
        return read_value(field, operator, self._take())

    def _list(self, field: Field) -> tuple[Value, ...]:
        if not self._marked("("):
            raise refuse(self._token.start, f"`(` is expected after `in`, not {self._token}")
        values: dict[tuple[type, Value], None] = {}
        while True:
            value = read_value(field, Operator.IN, self._take())
            values[type(value), value] = None
            if len(values) > MOST_VALUES:
                raise refuse(
                    self._token.start, f"a list may have {MOST_VALUES} values, and this one has more"
                )
            if self._marked(")"):
                return tuple(value for _, value in values)
            if not self._marked(","):
                raise refuse(self._token.start, f"`,` or `)` is expected in the list, not {self._token}")

    def _field(self) -> tuple[Field, str]:
        token = self._take()
        if token.kind is not TokenKind.WORD or token.text.lower() in KEYWORDS:
            raise refuse(token.start, f"the name of a field is expected here, not {token}")
        found = find_field(token.text)
        if found is None:
            raise _unknown(token)
        field, key = found
        if not field.name.endswith("."):
            return field, key
        if not key and self._token.kind is TokenKind.STRING and self._token.start == token.end:
            key = self._take().text
        if not key or len(key) > MOST_KEY_CHARACTERS:
            raise refuse(
                token.end, f"a name of 1 to {MOST_KEY_CHARACTERS} characters is expected after `{field.name}`"
            )
        return field, key


def written_operators(field: Field) -> tuple[str, ...]:
    """Return the operators of a field as people write them, without the opposites of words."""
    return (
        *("=", "!=", "in"),
        *(("<", "<=", ">", ">=") if Operator.LESS in field.operators else ()),
        *(("~", "!~") if Operator.CONTAINS in field.operators else ()),
        "is null",
    )


def _offered(field: Field) -> str:
    return f"one of {', '.join(f'`{sign}`' for sign in written_operators(field))} is expected"


def _unknown(token: Token) -> InvalidParameter:
    near = near_names(token.text)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; GET /filters/fields lists all"
    return refuse(token.start, f"{token} is no field of a trace{hint}")
