"""The manifests for Kubernetes, as far as they can be read without kustomize."""

from collections.abc import Iterator

from support.manifests import KUBERNETES, documents
from support.repository import DEPLOY

RULES = KUBERNETES / "operator" / "prometheusrule.yaml"
OPERATOR = "monitoring.coreos.com/v1"


def rules() -> Iterator[str]:
    """Write the rules as resources of the operator."""
    yield "# Written by `make docs` from deploy/prometheus; change it there.\n"
    for name in ("rules", "alerts"):
        text = (DEPLOY / "prometheus" / f"status-exporter.{name}.yml").read_text(encoding="utf-8")
        _, _, groups = text.partition("\ngroups:\n")
        yield f"---\napiVersion: {OPERATOR}\nkind: PrometheusRule\nmetadata:\n"
        yield f"  name: status-exporter-{name}\n"
        yield "  labels: {app.kubernetes.io/name: status-exporter}\nspec:\n  groups:\n"
        yield "".join(
            f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True)
        )


def test_the_rules_of_the_operator_are_a_copy(renew: bool) -> None:
    if renew:
        RULES.write_text("".join(rules()), encoding="utf-8")

    assert RULES.read_text(encoding="utf-8") == "".join(rules())


def test_the_rules_of_the_operator_are_those_of_prometheus() -> None:
    shipped = [
        documents(DEPLOY / "prometheus" / f"status-exporter.{name}.yml")[0]["groups"]
        for name in ("rules", "alerts")
    ]

    assert [one["spec"]["groups"] for one in documents(RULES)] == shipped
