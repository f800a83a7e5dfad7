"""Runs the control plane of Kubernetes on loopback: etcd, an API server, and the controllers.

There are no nodes, so no container ever runs. Pods stay pending, which is enough to see that each is
admitted and that there are as many as there should be.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.process import unused_port
from support.repository import ROOT
from support.tools import missing, tool

PROGRAMS = ROOT / ".tools" / "kubernetes"
# What must happen does so long before; what does not fails.
PATIENCE = 120.0
# Every namespace has the strictest standard: pods that break it are refused, and a client that
# creates a Deployment of such pods is warned.
_ADMISSION = """
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: PodSecurity
    configuration:
      apiVersion: pod-security.admission.config.k8s.io/v1
      kind: PodSecurityConfiguration
      defaults: {enforce: restricted, warn: restricted}
"""
_KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: it, cluster: {server: "https://127.0.0.1:PORT", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: secret}}]
contexts: [{name: it, context: {cluster: it, user: admin}}]
current-context: it
"""

Document = dict[str, Any]


@dataclass(frozen=True)
class Cluster:
    """A control plane, and the folder of its files."""

    folder: Path

    def kubectl(self, *arguments: str | Path, given: str = "") -> str:
        """Run kubectl and return its output; a failure or a warning fails the test."""
        return self._succeed(PROGRAMS / "kubectl", *arguments, given=given)

    def helm(self, *arguments: str | Path, given: str = "") -> str:
        """Run helm and return its output; a failure or a warning fails the test."""
        return self._succeed(tool("helm"), *arguments, given=given)

    def _succeed(self, *command: str | Path, given: str) -> str:
        done = self.call(*command, given=given)
        assert done.returncode == 0, done.stderr
        # As kubectl and as helm write warnings of the API server.
        assert not re.search(r"^Warning: |\bwarnings\.go\b", done.stderr, re.MULTILINE), done.stderr
        return done.stdout

    def call(self, *command: str | Path, given: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a client of this cluster alone, whatever the user's own configuration is."""
        environment = {"KUBECONFIG": str(self.folder / "kubeconfig"), "HOME": str(self.folder)}
        return subprocess.run(
            command,
            capture_output=True,
            check=False,
            text=True,
            input=given,
            timeout=PATIENCE,
            env={**os.environ, **environment},
        )

    def items(self, kinds: str, namespace: str) -> list[Document]:
        """Return every resource of these kinds in a namespace."""
        found = json.loads(self.kubectl("get", kinds, "--namespace", namespace, "--output=json"))
        return list(found["items"])

    def names(self, kinds: str, namespace: str) -> list[str]:
        """Return the sorted names of these resources."""
        return sorted(one["metadata"]["name"] for one in self.items(kinds, namespace))

    def create_namespace(self, name: str) -> None:
        """Create a namespace, and wait until pods can be created in it."""
        self.kubectl("create", "namespace", name)
        self.until(
            lambda: "default" in self.names("serviceaccounts", name),
            (self.folder / "controllers.log").read_text,
        )

    def wait_for_pods(self, namespace: str, **counts: int) -> list[Document]:
        """Wait until the namespace has these workloads alone, each with so many pods; return those."""
        kinds = "deployments.apps,statefulsets.apps"

        def settled() -> bool:
            found = self.items(kinds, namespace)
            current = {one["kind"]: one["status"].get("replicas", 0) for one in found}
            return current == counts and len(self.items("pods", namespace)) == sum(counts.values())

        self.until(
            settled, lambda: self.kubectl("get", f"{kinds},pods,events", "--namespace", namespace)
        )
        return self.items("pods", namespace)

    def until(self, condition: Callable[[], bool], shown: Callable[[], str] = str) -> None:
        """Wait for a condition; `shown` is what the failure shows."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, shown()
            time.sleep(0.1)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Run a control plane in which the custom resources that the project uses are defined.

    Where the programs are missing, the test is skipped, with --require-tools too: to build them
    takes ten minutes. It fails only where they were asked for.
    """
    if not (PROGRAMS / "crds").is_dir():
        what = "kube-apiserver; CLUSTER=1 .ci/install-tools builds it with Go"
        _ = missing(what) if os.environ.get("CLUSTER") else pytest.skip(f"missing: {what}")
    etcd, peers, port = unused_port(), unused_port(), unused_port()
    cluster = Cluster(folder)
    (folder / "kubeconfig").write_text(_KUBECONFIG.replace("PORT", str(port)), encoding="utf-8")
    with ExitStack() as stack:
        stack.enter_context(_running(_etcd(folder, etcd, peers), folder / "etcd.log"))
        server = stack.enter_context(_running(_api_server(folder, etcd, port), folder / "api.log"))

        def served() -> bool:
            assert server.poll() is None, (folder / "api.log").read_text(encoding="utf-8")
            return cluster.call(PROGRAMS / "kubectl", "get", "--raw=/readyz").returncode == 0

        cluster.until(served, lambda: (folder / "api.log").read_text(encoding="utf-8"))
        stack.enter_context(_running(_controllers(folder), folder / "controllers.log"))
        cluster.kubectl("create", f"--filename={PROGRAMS / 'crds'}")
        cluster.kubectl("wait", "--for=condition=established", "crds", "--all", "--timeout=60s")
        yield cluster


@contextmanager
def _running(command: Sequence[str | Path], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _etcd(folder: Path, port: int, peers: int) -> list[str | Path]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
    return [
        PROGRAMS / "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]


def _api_server(folder: Path, etcd: int, port: int) -> list[str | Path]:
    key = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    (folder / "accounts.key").write_bytes(key)
    (folder / "tokens.csv").write_text("secret,admin,admin,system:masters\n", encoding="utf-8")
    (folder / "admission.yaml").write_text(_ADMISSION, encoding="utf-8")
    return [
        PROGRAMS / "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--admission-control-config-file={folder / 'admission.yaml'}",
        "--authorization-mode=RBAC",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'accounts.key'}",
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
    ]


def _controllers(folder: Path) -> list[str | Path]:
    names = ["deployment", "replicaset", "statefulset", "serviceaccount", "garbage-collector"]
    return [
        PROGRAMS / "kube-controller-manager",
        f"--kubeconfig={folder / 'kubeconfig'}",
        f"--cert-dir={folder / 'certificates'}",
        f"--controllers={','.join(f'{name}-controller' for name in names)}",
        "--leader-elect=false",
        "--secure-port=0",
    ]
