"""What the chart makes of single values, and which it refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from exporter.declare.document import Document
from support.manifests import CHART, KUBERNETES, REGISTRY, documents, helm, rendered, schema

POLICY = "templates/networkpolicy.yaml"
MONITORING = "templates/monitoring.yaml"
TARGET = '--set-json=config={"targets":[]}'


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            [],
            "config: put the configuration here, or name existingConfigMap or existingConfigSecret",
        ),
        ([TARGET, "--set=shard=2"], "additional properties 'shard' not allowed"),
        ([TARGET, "--set=image.pullPolicy=Sometimes"], "value must be one of"),
        ([TARGET, "--set=probe.enabled=true,shards=2"], "set shards: 1"),
        (
            [TARGET, "--set=probe.enabled=true,serviceMonitor.enabled=true"],
            "each series would exist twice",
        ),
        ([TARGET, "--set=serviceMonitor.interval=often"], "/serviceMonitor/interval"),
        ([TARGET, "--set=livenessProbe.exec.command={a}"], "/livenessProbe/exec"),
        ([TARGET, "--set=ingress.enabled=true"], "ingress.hosts: name a host"),
        ([TARGET, "--set=httpRoute.enabled=true"], "httpRoute.parentRefs: name a gateway"),
        ([TARGET, "--set=probe.enabled=true"], "probe.targets: name the targets"),
        (
            [TARGET, "--set=serviceMonitor.enabled=true,serviceMonitor.scrapeTimeout=16s"],
            "serviceMonitor: scrapeTimeout 16s is longer than interval 15s",
        ),
        (
            [
                TARGET,
                "--set=probe.enabled=true,probe.targets={a}",
                "--set=probe.interval=1m1s500ms,probe.scrapeTimeout=1m1s501ms",
            ],
            "probe: scrapeTimeout 1m1s501ms is longer than interval 1m1s500ms",
        ),
        ([TARGET, "--set=image.registry="], "image.registry: name the registry"),
        (['--set-json=config={"a": 9007199254740993}'], "cannot keep the number 9007199254740992"),
        (['--set-json=config={"a": {"b": [1e-7]}}'], "cannot keep the number 1e-7"),
    ],
)
def test_invalid_values_are_refused(given: list[str], message: str) -> None:
    done = rendered(*given)

    assert done.returncode == 1
    assert message in done.stderr


@pytest.mark.parametrize(
    ("interval", "timeout"),
    [("5s", ""), ("5s", "5s"), ("", "1h"), ("1h", "59m59s"), ("1s", "999ms")],
)
def test_a_timeout_is_left_to_prometheus_or_no_longer_than_the_interval(
    interval: str, timeout: str
) -> None:
    given = f"serviceMonitor.interval={interval},serviceMonitor.scrapeTimeout={timeout}"
    done = rendered(TARGET, f"--set=serviceMonitor.enabled=true,{given}", "--show-only", MONITORING)
    (endpoint,) = yaml.safe_load(done.stdout)["spec"]["endpoints"]

    assert (endpoint.get("interval", ""), endpoint.get("scrapeTimeout", "")) == (interval, timeout)


def config_of(*given: str | Path) -> dict[str, Any]:
    done = rendered(*given, "--show-only", "templates/configmap.yaml")
    return dict(Document(yaml.safe_load(done.stdout)["data"]["config.yaml"], "c").data)


def test_a_configuration_arrives_as_it_was_written(tmp_path: Path) -> None:
    config = {
        "<<": ["<<", "=", "no", "12e4567", "1:30", "0012", "~", "", "a&b<c>", "é\u2028", "a\nb"],
        "12345678901234567890": "12345678901234567890 1e-7",
        "numbers": [0, -1, 999_999_999_999_999, 0.000001, 1234.5, 0.1234567890123456],
        "others": [True, None, {}, []],
    }
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps({"config": config}), encoding="utf-8")

    assert config_of("--values", values) == config


@pytest.mark.parametrize("indent", ["", "  "])
def test_a_configuration_can_be_a_text(indent: str, tmp_path: Path) -> None:
    lines = ["# As it is.", "a: 12345678901234567890", "b: '{{ no template }}'", "c: 0.0000001"]
    text = tmp_path / "config.yaml"
    text.write_text("".join(f"{indent}{line}\n" for line in lines), encoding="utf-8")

    assert config_of(f"--set-file=config={text}") == {
        "a": 12345678901234567890,
        "b": "{{ no template }}",
        "c": 0.0000001,
    }


def test_values_do_not_change_the_labels_of_selectors() -> None:
    mine = '{"app.kubernetes.io/name": "mine", "helm.sh/chart": "%s", "team": "%s"}'
    done = rendered(
        TARGET,
        f"--set-json=commonLabels={mine % ('common', 'common')}",
        f"--set-json=pod.labels={mine % ('pod', 'pod')}",
        "--show-only=templates/workload.yaml",
    )
    workload = yaml.safe_load(done.stdout)
    pod, whole = workload["spec"]["template"]["metadata"]["labels"], workload["metadata"]["labels"]

    assert workload["spec"]["selector"]["matchLabels"].items() <= pod.items()
    assert (pod["helm.sh/chart"], pod["team"]) == ("pod", "pod")
    assert (whole["helm.sh/chart"], whole["team"]) == ("common", "common")


def test_further_keys_of_an_endpoint_win() -> None:
    endpoint = '{"path": "/probe", "tlsConfig": {"insecureSkipVerify": false}}'
    done = rendered(
        TARGET,
        "--set=serviceMonitor.enabled=true,web.tls=true",
        f"--set-json=serviceMonitor.endpoint={endpoint}",
        "--show-only",
        MONITORING,
    )

    assert yaml.safe_load(done.stdout)["spec"]["endpoints"] == [
        {
            "port": "metrics",
            "scheme": "https",
            "interval": "15s",
            "path": "/probe",
            "tlsConfig": {"insecureSkipVerify": False},
        }
    ]


@pytest.mark.parametrize("kind", ["serviceMonitor", "probe"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"serverName": "rel-status-exporter.monitoring.svc"}),
        (
            {"ca": {"secret": {"name": "web", "key": "ca.crt"}}},
            {
                "serverName": "rel-status-exporter.monitoring.svc",
                "ca": {"secret": {"name": "web", "key": "ca.crt"}},
            },
        ),
        ({"serverName": "a"}, {"serverName": "a"}),
    ],
)
def test_prometheus_verifies_the_certificate_for_the_name_of_the_service(
    kind: str, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    done = rendered(
        TARGET,
        f"--set={kind}.enabled=true,web.tls=true,probe.targets={{a}}",
        f"--set-json={kind}.tlsConfig={json.dumps(given)}",
        "--show-only",
        MONITORING,
    )

    spec = yaml.safe_load(done.stdout)["spec"]
    (scrape,) = spec["endpoints"] if kind == "serviceMonitor" else [spec]
    assert scrape["tlsConfig"] == expected


def test_every_single_value_can_be_null(tmp_path: Path) -> None:
    (values,) = documents(CHART / "values.yaml")
    blocks = {key for key, one in schema()["properties"].items() if "properties" in one}
    empty: dict[str, Any] = {
        key: dict.fromkeys(value) if key in blocks else None for key, value in values.items()
    }
    # What has no default of its own.
    empty |= {"config": {"targets": []}, "shards": 1}
    empty["image"]["repository"] = "it"
    empty["service"]["port"] = 80
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(empty), encoding="utf-8")

    done = rendered("--values", path)

    assert done.returncode == 0, done.stderr
    for one in yaml.safe_load_all(done.stdout):
        kubernetes_validate.validate(one, "1.33", strict=True)


def test_the_chart_can_be_a_conditional_dependency(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    (parent / "charts").mkdir(parents=True)
    shutil.copytree(CHART, parent / "charts" / "status-exporter")
    version = documents(CHART / "Chart.yaml")[0]["version"]
    condition = {
        "name": "status-exporter",
        "version": version,
        "condition": "status-exporter.enabled",
    }
    chart = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [condition]}
    (parent / "Chart.yaml").write_text(yaml.safe_dump(chart), encoding="utf-8")
    kinds = {}
    for enabled in (True, False):
        values = {
            "global": {"imagePullSecrets": ["a"]},
            "status-exporter": {
                "enabled": enabled,
                "config": {"targets": []},
                "image": {"registry": "registry.example.com"},
                "imagePullSecrets": None,
            },
        }
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        done = helm(
            "template", "rel", parent, "--kube-version=1.33", "--values", tmp_path / "values.yaml"
        )
        assert done.returncode == 0, done.stderr
        kinds[enabled] = "kind: Deployment" in done.stdout

    assert kinds == {True: True, False: False}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ([], True),
        (["--set-json=networkPolicy.from=[]"], False),
        (["--set=networkPolicy.enabled=false"], False),
    ],
)
def test_the_notes_name_the_clients_that_the_network_policy_admits(
    given: list[str], named: bool, tmp_path: Path
) -> None:
    # Helm shows the notes only of what it installs.
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    notes = (chart / "templates" / "NOTES.txt").read_text(encoding="utf-8")
    template = (
        f'{{{{ define "notes" }}}}{notes}{{{{ end }}}}notes: {{{{ include "notes" . | quote }}}}'
    )
    (chart / "templates" / "notes.yaml").write_text(template, encoding="utf-8")
    done = helm(
        "template",
        "rel",
        chart,
        "--kube-version=1.33",
        TARGET,
        f"--set={REGISTRY}",
        *given,
        "--show-only=templates/notes.yaml",
    )

    assert done.returncode == 0, done.stderr
    assert ("kubernetes.io/metadata.name: monitoring" in done.stdout) == named


def test_every_client_is_admitted_if_none_is_named() -> None:
    done = rendered(TARGET, "--set-json=networkPolicy.from=[]", "--show-only", POLICY)
    policy = yaml.safe_load(done.stdout)

    assert policy["spec"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": "metrics"}]}]


def test_the_exporter_may_connect_where_another_policy_denies_all() -> None:
    policy = yaml.safe_load(rendered(TARGET, "--show-only", POLICY).stdout)
    (base,) = documents(KUBERNETES / "base" / "networkpolicy.yaml")

    for one in (policy, base):
        assert one["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert one["spec"]["egress"] == [{}]


@pytest.mark.parametrize(
    ("given", "image"),
    [
        ("image.registry=r.example", "r.example/status-exporter:0"),
        ("image.registry=r.example/", "r.example/status-exporter:0"),
        ("image.registry=a,global.imageRegistry=r.example/b/", "r.example/b/status-exporter:0"),
    ],
)
def test_a_registry_may_end_with_a_slash(given: str, image: str) -> None:
    done = rendered(
        TARGET, "--set-string=image.tag=0", f"--set={given}", "--show-only=templates/workload.yaml"
    )

    (container,) = yaml.safe_load(done.stdout)["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image
