"""HELP: a sentence that names the vendor's field."""

import pytest

from support.declarations import Field, declared

HELP: list[tuple[Field, str]] = [
    ({"gauge": "s_v", "path": "/a/queue", "help": "calls that wait"}, "Calls that wait (queue)."),
    ({"gauge": "s_v", "path": "/a/queue", "help": "Calls in the Queue."}, "Calls in the Queue."),
    ({"gauge": "s_v", "path": "/a/0", "help": "Calls."}, "Calls (a)."),
    ({"gauge": "s_v", "path": ["/len", "/n"], "help": "Calls."}, "Calls (len)."),
    ({"gauge": "s_v", "path": ["/len", "/num"], "help": "A num."}, "A num."),
    ({"gauge": "s_v", "path": {"of": "/up", "less": "/down"}, "help": "x"}, "X (up)."),
    ({"gauge": "s_v", "query": "a.b[0]", "help": "Calls."}, "Calls (b)."),
    ({"gauge": "s_v", "query": "`1`", "help": "Calls."}, "Calls."),
    ({"gauge": "s_v", "path": "", "help": "Calls."}, "Calls."),
    ({"gauge": "s_v", "path": "@poll_time", "help": "Time."}, "Time."),
    (
        {
            "gauge": "s_v",
            "path": "/queue",
            "where": {"path": "/state", "is": 1},
            "labels": {"zone": "/zone"},
            "help": "Calls of a zone.",
        },
        "Calls of a zone (queue).",
    ),
    (
        {"info": "s_info", "labels": {"a": "/release"}, "help": "The program."},
        "The program (release).",
    ),
    ({"gauge": "s_v", "path": "/q", "help": "two\n  lines\tq"}, "Two lines q."),
    ({"gauge": "s_v", "path": "/a/q"}, "Value of /a/q."),
    ({"gauge": "s_v", "path": "/\x1b[31mq"}, "Value of /\ufffd[31mq."),
    ({"gauge": "s_v", "path": "/q", "help": "A\x1b[31mq\u2028b"}, "A\ufffd[31mq b (q)."),
    ({"gauge": "s_v", "path": ""}, "Value of the answer."),
    ({"gauge": "s_v", "path": ["/a", "/b"]}, "Value of /a or /b."),
    ({"each": "/l", "fields": [{"count": "s_n"}]}, "Number of items."),
]


@pytest.mark.parametrize(("field", "expected"), HELP)
def test_help_is_a_sentence_that_names_the_field(field: Field, expected: str) -> None:
    assert [family.help for family in declared([field]).families] == [expected]


def test_a_metric_of_two_fields_names_both_sources() -> None:
    system = declared(
        [
            {"gauge": "s_calls", "path": "/in", "labels": {"direction": "in"}},
            {
                "gauge": "s_calls",
                "path": ["/out", "/gone"],
                "labels": {"direction": "out"},
                "help": "Calls by direction.",
            },
        ]
    )
    (family,) = system.families

    assert (family.source, family.labels) == ("/in, /out or /gone", ("direction",))
    assert family.help == "Calls by direction (in)."
    assert system.labels == {"direction"}
