"""Every YAML reader reads what was written."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.convert.commented_yaml import WIDTH, Comment, yaml_text
from exporter.declare.document import Document

TEXTS = st.text(max_size=40) | st.sampled_from(
    [
        "",
        "on",
        "No",
        "1e3",
        "0x1f",
        "1:30",
        "~",
        "<<",
        "=",
        "- a",
        "a: b",
        "a #b",
        "a:",
        "{/x}",
        "*a",
    ]
)
SCALARS = TEXTS | st.integers(-10, 10) | st.booleans() | st.none() | st.just(0.5)
DATA = st.dictionaries(
    TEXTS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=12,
    ),
    min_size=1,
    max_size=4,
)


def _encodable(data: Any) -> bool:
    try:
        repr(data).encode()
    except UnicodeEncodeError:
        return False
    return True


@settings(deadline=None)
@given(DATA.filter(_encodable))
def test_readers_get_what_was_written(data: dict[str, Any]) -> None:
    text = yaml_text(data)

    assert yaml.safe_load(text) == data
    assert Document(text, "x").data == data


@settings(deadline=None)
@given(st.text(max_size=300).filter(_encodable))
def test_a_comment_stays_a_comment(text: str) -> None:
    shown = yaml_text({Comment(text): None, "a": [Comment(text), 1]})

    assert yaml.safe_load(shown) == {"a": [1]}


def test_the_layout_is_that_of_the_built_in_systems() -> None:
    data = {
        Comment("A comment."): None,
        "systems": {
            "hub": {
                "params": {"detail": {"choices": ["a", "b"], "default": "a"}},
                "endpoints": [
                    {
                        Comment("Of the request."): None,
                        "path": "/x",
                        "body": "one\n  two\n",
                        "fields": [
                            Comment("Of the field."),
                            {
                                "gauge": "hub_x",
                                "labels": {"a": "/a", "b": "p-{/b}"},
                                "help": "Some words " * 12 + "end.",
                            },
                        ],
                    }
                ],
            }
        },
    }

    text = yaml_text(data)

    assert text == (
        "# A comment.\n"
        "systems:\n"
        "  hub:\n"
        "    params:\n"
        "      detail: {choices: [a, b], default: a}\n"
        "    endpoints:\n"
        "      # Of the request.\n"
        "      - path: /x\n"
        "        body: |\n"
        "          one\n"
        "            two\n"
        "        fields:\n"
        "          # Of the field.\n"
        "          - gauge: hub_x\n"
        '            labels: {a: /a, b: "p-{/b}"}\n'
        "            help: >-\n"
        f"              {'Some words ' * 8}Some\n"
        f"              {'words Some ' * 3}words end.\n"
    )
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize("word", ["/queue/length", "beta", "http://HOST", "Some words here."])
def test_common_words_need_no_quotes(word: str) -> None:
    assert yaml_text({"a": word}) == f"a: {word}\n"
