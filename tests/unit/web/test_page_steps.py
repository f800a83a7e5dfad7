"""Ten thousand targets are selected and rendered in steps, between which polls run."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.runtime.targets import Targets
from exporter.web import api, html, page_handlers, target_page, view
from exporter.web.target_page import TARGETS_PER_STEP, TargetPage, select_targets
from exporter.web.target_query import SORT_KEYS, TargetQuery
from support.polling import make_target
from support.status_pages import Site, serving_pages


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving_pages() as one:
        yield one


@pytest.mark.parametrize("path", ["/", "/api/v1/targets"])
async def test_requests_at_once_are_served_one_after_another(
    path: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = 0

    async def select(query: TargetQuery, targets: Targets) -> TargetPage:
        nonlocal running
        running += 1
        assert running == 1
        page = await select_targets(query, targets)
        running -= 1
        return page

    monkeypatch.setattr(page_handlers, "select_targets", select)
    answers = await asyncio.gather(*(site.get(path) for _ in range(20)))

    assert [status for status, _ in answers] == [200] * 20


@pytest.mark.parametrize(
    "path",
    ["/", "/api/v1/targets?limit=1000", *(f"/?sort=-{key}&search=t+0" for key in SORT_KEYS)],
)
async def test_ten_thousand_targets_are_read_and_shown_in_small_steps(
    path: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_target()
    site.targets.replace([replace(base, name=f"t{at}") for at in range(10_000)])
    examined, shown = Counter[int](), Counter[int]()
    turn = 0

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def noted(counts: Counter[int], function: Callable[..., Any]) -> Callable[..., Any]:
        def note(*args: object) -> Any:
            counts[turn] += 1
            return function(*args)

        return note

    monkeypatch.setattr(target_page, "reason_of", noted(examined, view.reason_of))
    monkeypatch.setattr(html, "view_of", noted(shown, view.view_of))
    monkeypatch.setattr(api, "view_of", noted(shown, view.view_of))
    counting = asyncio.get_running_loop().create_task(count_turns())
    status, _ = await site.get(path)
    counting.cancel()

    assert status == 200
    assert sum(examined.values()) >= 10_000
    # Sorting by reason reads the reason once more.
    assert max(examined.values()) <= 2 * TARGETS_PER_STEP
    assert sum(shown.values()) >= 100
    assert max(shown.values()) <= 50
