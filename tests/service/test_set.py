"""`set`, as users run it: against the simulator, in its own process."""

import re

import pytest
from aiohttp import web

from support.process import said
from support.simulator_stage import CONFIG, Stage, setting


def audited(stderr: str) -> list[str]:
    """Return the audit lines without the time and the user."""
    lines = [line for line in stderr.splitlines() if line.startswith("time=")]
    return [line[line.index("target=") :] for line in lines if "msg=action" in line]


async def test_a_mode_is_set_and_confirmed(stage: Stage) -> None:
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "ucs-ams: mode",
        "  now     production",
        "  wanted  maintenance",
        f'  sends   POST {stage.url}/cv/server/mode {{"mode": "maintenance"}}',
        "  client  operator",
        "ucs-ams: mode is maintenance",
    ]
    assert said(done.stderr) == [
        "ucs-ams: not yet, unknown (HTTP 503)",
        "ucs-ams: shows maintenance",
    ]
    assert len(stage.writes) == 1


async def test_an_action_writes_one_audit_line(stage: Stage) -> None:
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("time="))

    assert re.fullmatch(
        r"time=\S+Z level=info msg=action source=\S+ user=\S+ target=ucs-ams action=mode"
        r" from=production to=maintenance outcome=confirmed",
        line,
    )


async def test_no_secret_is_printed(stage: Stage) -> None:
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")

    assert "-demo" not in done.stdout + done.stderr


async def test_a_state_that_is_already_set_is_not_sent(stage: Stage) -> None:
    done = await setting(stage, "ucs-ams", "mode", "production", "--yes")

    assert done.returncode == 0
    assert "ucs-ams: mode is production already; nothing was sent\n" in done.stdout
    assert audited(done.stderr) == [
        "target=ucs-ams action=mode from=production to=production outcome=unchanged"
    ]
    assert [one.method for one in stage.seen] == ["GET"]


async def test_a_dry_run_reads_and_sets_nothing(stage: Stage) -> None:
    words = ("mdw", "state", "maintenance", "--resume-on-restart=false", "--dry-run")
    done = await setting(stage, *words)
    place = "/mdworkbench/server/state?value=maintenance&resumeOnRestart=false"

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "mdw: state",
        "  now     active resume-on-restart=true",
        "  wanted  maintenance resume-on-restart=false",
        f"  sends   PUT {stage.url}{place}",
        "  client  operator",
        "dry run: nothing was changed",
    ]
    assert done.stderr == ""
    assert {one.method for one in stage.seen} == {"GET"}


async def test_several_targets_are_set_in_the_order_of_the_file(stage: Stage) -> None:
    # The first in the file is the second by name.
    flags = ("--selector", "system=genesys_ucs", "--yes")
    config = CONFIG.replace("URL/cv", "URL/cv/", 1)
    stage.write_config(config.replace("name: ucs-ams", "name: ucs-zzz"))
    done = await setting(stage, "mode", "maintenance", *flags)

    assert done.returncode == 0
    assert audited(done.stderr) == [
        "target=ucs-zzz action=mode from=production to=maintenance outcome=confirmed",
        # The two are one server.
        "target=ucs-lab action=mode from=maintenance to=maintenance outcome=unchanged",
    ]


async def test_the_first_failure_stops_what_follows(stage: Stage) -> None:
    stage.write_config(CONFIG.replace("operator_client: operator", "operator_client: guest"))
    done = await setting(stage, "mode", "maintenance", "--selector", "system=genesys_ucs", "--yes")

    assert done.returncode == 1
    assert said(done.stderr) == [
        (
            "status-exporter: ucs-ams: HTTP 403: this user may not set it, see operator_client;"
            " the server has not changed"
        )
    ]
    assert audited(done.stderr) == [
        "target=ucs-ams action=mode from=production to=maintenance outcome=refused"
    ]
    assert len(stage.writes) == 1


@pytest.mark.parametrize(
    ("status", "outcome", "message"),
    [
        (400, "refused", "HTTP 400: the server takes no such value; the server has not changed"),
        (401, "refused", "HTTP 401: the credentials are missing or were rejected; the server has"),
        (404, "refused", "HTTP 404: there is nothing to set at this URL; the server has not"),
        (503, "refused", "HTTP 503: the server takes no requests now; the server has not changed"),
        (500, "unconfirmed", "HTTP 500; the server may have changed"),
    ],
)
async def test_a_refusal_exits_1_and_prints_one_line(
    status: int, outcome: str, message: str, stage: Stage
) -> None:
    stage.answer = web.Response(status=status)
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")
    (line,) = said(done.stderr)

    assert done.returncode == 1
    assert line.startswith(f"status-exporter: ucs-ams: {message}")
    assert audited(done.stderr)[0].endswith(f"outcome={outcome}")
    assert [one.method for one in stage.seen] == ["GET", "POST"]


async def test_a_server_that_never_leaves_the_switch_is_not_confirmed(stage: Stage) -> None:
    stage.reads_until_over = 1000
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes", "--settle", "1s")

    assert done.returncode == 1
    assert said(done.stderr)[-1] == (
        "status-exporter: ucs-ams: maintenance does not show after 1s, but unknown (HTTP 503);"
        " the server may have changed"
    )
    assert audited(done.stderr)[0].endswith("outcome=unconfirmed")
    assert len(stage.writes) == 1


async def test_an_order_whose_answer_was_lost_is_confirmed_by_reading(stage: Stage) -> None:
    stage.loses_answer = True
    done = await setting(stage, "mdw", "state", "suspended", "--yes")

    assert done.returncode == 0
    assert said(done.stderr) == [
        (
            "mdw: the connection broke before there was an answer; the server may have changed;"
            " reading it"
        ),
        "mdw: shows suspended resume-on-restart=true",
    ]
    assert len(stage.writes) == 1


async def test_an_unanswered_order_is_confirmed_by_reading(stage: Stage) -> None:
    stage.holds_answer = True
    words = ("ucs-ams", "mode", "maintenance", "--yes", "--settle", "2s")
    done = await setting(stage, *words)

    assert done.returncode == 0
    assert said(done.stderr)[0] == (
        "ucs-ams: no answer within 2s; the server may have changed; reading it"
    )
    assert len(stage.writes) == 1


async def test_nothing_is_sent_to_a_server_that_cannot_be_read(stage: Stage) -> None:
    stage.write_config(CONFIG.replace("client: monitor", "client: guest"))
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")

    assert done.returncode == 1
    assert said(done.stderr) == [
        (
            "status-exporter: ucs-ams: not sent, as its state cannot be read:"
            f" GET {stage.url}/cv/server/status: HTTP 403: the server denies access: credentials"
            " are missing, or lack permission;"
            " the server has not changed"
        )
    ]
    assert audited(done.stderr)[0].endswith("outcome=not_sent")
    assert stage.writes == []


async def test_an_unreachable_server_has_not_changed(stage: Stage) -> None:
    stage.write_config(CONFIG.replace("URL/cv", "http://127.0.0.1:1/cv"))
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")

    assert done.returncode == 1
    assert said(done.stderr)[0].endswith("Connection refused; the server has not changed")


async def test_running_launches_are_waited_for(stage: Stage) -> None:
    stage.reads_until_over = 2
    done = await setting(stage, "mdw", "state", "suspended", "--yes", "--wait-drained")
    lines = said(done.stderr)

    assert done.returncode == 0
    assert re.fullmatch(
        r"mdw: shows suspended resume-on-restart=true, running launches: \d", lines[0]
    )
    assert lines[1:] == ["mdw: shows suspended resume-on-restart=true"]
    assert stage.world.mdworkbench.running == []


async def test_launches_that_do_not_end_leave_it_unconfirmed(stage: Stage) -> None:
    stage.reads_until_over = 1000
    words = ("mdw", "state", "suspended", "--yes", "--wait-drained", "--settle", "1s")
    first = await setting(stage, *words)
    again = await setting(stage, *words)

    assert (first.returncode, again.returncode) == (1, 1)
    text = "status-exporter: mdw: after 1s there are still running launches; the server has"
    assert said(first.stderr)[-1] == f"{text} changed"
    assert said(again.stderr)[-1] == f"{text} not changed"
    assert len(stage.writes) == 1
