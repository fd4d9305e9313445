"""Expressions: look-ups equal JMESPath's own, the paths they read, and that none runs code."""

import builtins
import os
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.bad_value import BadValueError
from mapping.expressions import Expression

NAMES = st.sampled_from(["a", "b", "fields", "x y"])
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"])
RECORDS = st.recursive(
    LEAVES, lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner, max_size=3), max_leaves=12
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: ".".join(f'"{name}"' for name in names))


@given(RECORDS, st.lists(PATHS, min_size=1, max_size=3))
def test_direct_look_ups_equal_the_interpreter(record: Any, paths: list[str]) -> None:
    text = " || ".join(paths)
    assert Expression(text).get(record) == jmespath.search(text, record)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("fields.customfield_10300", ("fields.customfield_10300",)),
        ('"Fund Code"', ("Fund Code",)),
        ('"assigned_to.name" || assigned_to', ("assigned_to", "assigned_to.name")),
        ("join(':', [type, category])", ("category", "type")),
        ("fields.sprints[-1].name", ("fields.sprints.name",)),
        ("rows[?kind == 'x'].amount | [0]", ("rows.amount", "rows.kind")),
        ("(s.key == 'done' && contains(`[\"No\"]`, r.name) && 'cancelled') || s.key", ("r.name", "s.key")),
        ("keys(assignments || `{}`)", ("assignments",)),
        ("{a: b.c}", ("b.c",)),
        ("'constant'", ()),
        ("@", ()),
    ],
)
def test_the_paths_that_an_expression_reads(text: str, paths: tuple[str, ...]) -> None:
    assert Expression(text).paths == paths


@pytest.mark.parametrize("text", ["", "a..b", "a[", "foo(bar", "a b", "x" * 4001, "a." * 3000 + "a"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(BadValueError):
        Expression(text)


def test_an_expression_that_cannot_read_the_record_says_so() -> None:
    with pytest.raises(BadValueError, match="cannot read this record"):
        Expression("join(':', [a, b])").get({"a": 1, "b": None})
    with pytest.raises(BadValueError, match="cannot read this record"):
        Expression("nonsense(a)").get({"a": 1})


HOSTILE = [
    "__import__('os').system('touch x')",
    "eval('1')",
    "exec('1')",
    "open('/etc/passwd')",
    "a.__class__.__mro__",
    '"__class__"."__init__"."__globals__"',
    "${7*7}",
    "{{7*7}}",
    "to_string(@).__class__",
    "\"__import__\"('os')",
    "getattr(@, 'x')",
]


class Forbidden:
    """Stands for every way out; being called is the failure."""

    def __call__(self, *_arguments: object, **_options: object) -> None:
        pytest.fail("an expression ran code")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_expression_runs_code(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (builtins, "eval"),
        (builtins, "exec"),
        (builtins, "open"),
        (os, "system"),
        (os, "popen"),
    ):
        monkeypatch.setattr(module, name, Forbidden())
    record = {"a": "text", "b": {"c": [1, 2]}}
    try:
        found = Expression(text).get(record)
    except BadValueError:
        return
    assert found is None or isinstance(found, str | bool | int | list | dict)
    assert "class" not in str(found)


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    try:
        Expression(text).get({"a": {"b": [1, "x", None]}})
        reason = "none is needed"
    except BadValueError as error:
        reason = str(error)
    assert reason
