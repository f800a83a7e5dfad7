"""Names of metrics and labels, their limits, and the YAML text."""

import yaml

from exporter.propose import AnsweredRequest, propose, system_name
from exporter.propose.labelling import label_name
from exporter.propose.naming import MAX_FIELDS, MAX_NAME, name_fields
from exporter.propose.sketch import Item
from exporter.propose.write import quote_scalar


def names(tree: object) -> list[str]:
    return [item.name for item in flat(name_fields(tree, "own").fields)]


def flat(items: tuple[Item, ...]) -> list[Item]:
    return [one for item in items for one in (flat(item.fields) if item.fields else [item])]


def test_names_are_unique_even_to_openmetrics() -> None:
    assert names({"requests": 1, "Requests": 2, "a": {"b": 1}, "a_b": 2}) == [
        "own_requests_total",
        "own_requests_2_total",
        "own_a_b",
        "own_a_b_2",
    ]


def test_a_name_still_ends_in_its_unit() -> None:
    assert names({"heap_kb": 1, "heapBytes": 2}) == ["own_heap_bytes", "own_heap_2_bytes"]


def test_gauges_have_no_suffix_of_other_types() -> None:
    assert names({"shards": {"total": 3, "info": 4, "bucket": 5}}) == [
        "own_shards",
        "own_shards_info_value",
        "own_shards_bucket_value",
    ]


def test_long_names_are_cut_and_fields_are_limited() -> None:
    made = name_fields({f"{'word_' * 30}{number}": number for number in range(250)}, "own")

    assert len(made.fields) == MAX_FIELDS
    assert made.dropped == 250 - MAX_FIELDS
    assert max(len(item.name) for item in made.fields) <= MAX_NAME + len("_250")


def test_reserved_and_taken_labels_are_avoided() -> None:
    assert label_name(("job",), ()) == "job_name"
    assert label_name(("1xx",), ()) == "key_1xx"
    assert label_name(("zone",), {"zone", "zone_2"}) == "zone_3"


def test_a_system_is_named_after_any_text() -> None:
    assert system_name("Search cluster (old).v2") == "search_cluster_old_v2"
    assert system_name("192.0.2.1") == "system_192_0_2_1"
    assert system_name("") == "system"


def test_texts_are_quoted_where_yaml_needs_it() -> None:
    for text in [
        "on",
        "a b",
        "a: b",
        "#x",
        "'",
        '"',
        "\n",
        "\x00",
        "\u2028",
        "\U0001f600",
        "{x}",
        "-",
        "",
    ]:
        assert yaml.safe_load(quote_scalar(text)) == text
        assert yaml.safe_load(f"{{k: {quote_scalar(text)}}}") == {"k": text}


def test_a_hostile_key_is_escaped_in_paths_and_comments() -> None:
    proposal = propose({'a/b~"\n# x: {': 1, "gone\n- gauge: x": None}, "own")

    endpoint = yaml.safe_load(proposal)["systems"]["own"]["endpoints"][0]
    assert endpoint["fields"] == [{"gauge": "own_a_b_x", "path": '/a~1b~0"\n# x: {'}]
    assert "# left out: /gone\\U0000000A- gauge: x (null)" in proposal


def test_the_request_of_the_answer_is_part_of_the_proposal() -> None:
    request = AnsweredRequest("/status", (("full", "yes"), ("token", "s3cret"), ("q", "{x}")))

    proposal = propose({"a": 1}, "own", request)

    endpoint = yaml.safe_load(proposal)["systems"]["own"]["endpoints"][0]
    assert (endpoint["path"], endpoint["query"]) == ("/status", {"full": "yes"})
    assert "s3cret" not in proposal
