"""prometheus_client has the same samples as the page it is compared with."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bench.generated import registry_of

PAGE = """\
# HELP ucs_requests_total Requests.
# TYPE ucs_requests_total counter
ucs_requests_total{target="a"} 3
ucs_requests_total{target="b"} 4
# HELP ucs_memory Memory.
# TYPE ucs_memory gauge
ucs_memory{target="a",pool="x"} 1.5
# HELP process_files Files.
# TYPE process_files gauge
process_files 9
"""


def samples(page: str) -> set[tuple[str, str, float]]:
    return {
        (one.name, str(sorted(one.labels.items())), one.value)
        for family in text_string_to_metric_families(page)
        for one in family.samples
        if not one.name.endswith("_created")
    }


def test_the_registry_has_the_samples_about_targets() -> None:
    expected = {one for one in samples(PAGE) if one[0] != "process_files"}

    assert samples(generate_latest(registry_of(PAGE)).decode()) == expected
