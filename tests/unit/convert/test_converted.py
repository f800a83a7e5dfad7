"""Whatever json_exporter's YAML holds, the result is a configuration that loads."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import load_text
from exporter.convert.json_exporter import convert
from exporter.convert.module_fields import _RESERVED_LABELS, RESERVED_PREFIXES
from exporter.declare import family

NAMES = st.sampled_from(
    [
        "port_tide",
        "port_tide_total",
        "port_a_info",
        "x",
        "Tide:max",
        "_a__b_",
        "process_a",
        "9",
        "é",
        "a_created",
    ]
) | st.text("ab_:9", min_size=1, max_size=6)
PATHS = st.sampled_from(
    [
        *(
            "",
            "1",
            "true",
            "x",
            "{.a}",
            "{.a.b}",
            "{ $.a }",
            "{@}",
            "{.a[*]}",
            "{.a.*}",
            "{.a[0:2]}",
        ),
        *("{.a[-1]}", "{..a}", "{['a\\\\.b']}", "{.a[?(@.b == 'c')]}", "{.a[?(@.b >= 3)].c}", "{"),
        *("{.a[0,1]}", "{.a[*].b[?(@.c)].d[::2].e}", "{['it''s']}", "{.a['\"']}", "{.a}{.b}"),
    ]
)
TEXTS = st.sampled_from(["", "beta", "/x", "@x", "{x", "a {/b}", "it's", "\u00fc\n"])
LABELS = st.dictionaries(
    st.sampled_from(["a", "job", "A_b", "le", "target", "_", "exported_job"]),
    PATHS | TEXTS,
    max_size=3,
)
METRICS = st.fixed_dictionaries(
    {"name": NAMES, "path": PATHS},
    optional={
        "type": st.sampled_from(["value", "object"]),
        "valuetype": st.sampled_from(["gauge", "counter", "untyped"]),
        "help": TEXTS,
        "labels": LABELS,
        "values": st.dictionaries(NAMES, PATHS | st.just(1), max_size=3),
        "epochTimestamp": PATHS,
    },
)
MODULES = st.fixed_dictionaries(
    {"metrics": st.lists(METRICS, max_size=4)},
    optional={
        "headers": st.dictionaries(
            st.sampled_from(["X-A", "Host", "Cookie"]), st.sampled_from(["a", "{b}"])
        ),
        "body": st.fixed_dictionaries(
            {"content": TEXTS | st.just("{{ .v | first }} {w}")},
            optional={"templatize": st.booleans()},
        ),
        "valid_status_codes": st.lists(st.sampled_from([200, 404, 503]), max_size=2, unique=True),
        "http_client_config": st.sampled_from(
            [{}, {"basic_auth": {"username": "a", "password": "b"}}]
        ),
    },
)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(NAMES, MODULES, min_size=1, max_size=3))
def test_the_result_loads(modules: dict[str, Any]) -> None:
    text = convert(yaml.safe_dump({"modules": modules}), "m.yml")

    if yaml.safe_load(text)["systems"]:
        load_text(text, "converted.yaml", Path(), {}, needs_targets=False)


def test_names_follow_the_rules_of_declarations() -> None:
    assert family._RESERVED_LABELS == _RESERVED_LABELS
    firsts = {one.partition("_")[0] for one in family._RESERVED_PREFIXES}
    assert firsts - {"status"} == RESERVED_PREFIXES
