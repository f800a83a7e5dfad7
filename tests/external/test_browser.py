"""The status pages in Chromium: layout, colours, links, forms, refreshing and accessibility."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, expect

from support.browser_page import opened, until_ready
from support.process import started

# Milliseconds. The default is five seconds, and so is the interval at which pages refresh: a page that
# shows a poll that timed out would not be corrected in time.
expect.set_options(timeout=60_000)


class Vendor(BaseHTTPRequestHandler):
    """A contact server whose path and `status` determine its answer."""

    status = 200

    def do_GET(self) -> None:
        is_lab = "/lab" in self.path
        mode = "maintenance" if "/idle" in self.path else "production"
        answer = {"mode": mode, "request_today": 7, "used_memory": 88884, "extra": 1}
        body = json.dumps(answer).encode()
        self.send_response(503 if is_lab else type(self).status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def address(vendor: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    config = tmp_path_factory.mktemp("browser") / "config.yaml"
    targets = [
        # A test lets this one fail, so it is polled often.
        f'  - {{name: ucs-{at:03}, system: genesys_ucs, url: "{vendor}"{", interval: 1s, timeout: 900ms" if at == 7 else ""}}}'
        for at in range(120)
    ]
    config.write_text(
        "global: {interval: 20s, timeout: 10s}\ntargets:\n"
        + "\n".join(targets)
        + f'\n  - {{name: lab, system: genesys_ucs, url: "{vendor}/lab", labels: {{site: berlin}}}}'
        + f'\n  - {{name: idle, system: genesys_ucs, url: "{vendor}/idle", labels: {{site: berlin}}}}\n',
        encoding="utf-8",
    )
    flags = ("--config.file", str(config), "--web.listen-address", "127.0.0.1:0")
    with started("serve", *flags) as (process, where):
        assert process.stdout is not None
        threading.Thread(target=process.stdout.read, daemon=True).start()
        until_ready(f"http://{where}/-/ready")
        yield f"http://{where}"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_list_fits_and_has_contrast(
    browser: Browser, address: str, width: int, *, dark: bool
) -> None:
    with opened(browser, address, width=width, dark=dark) as page:
        expect(page.get_by_role("heading", name="Targets")).to_be_visible()
        row = page.get_by_role("row").filter(has_text="lab")
        expect(row).to_contain_text("down")
        wide = page.evaluate("document.documentElement.scrollWidth")
        ink, paper = page.evaluate(
            "(() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor] })()"
        )

    assert wide <= width
    assert contrast(ink, paper) > 7


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2 has it."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_search_filters_and_pages_select_targets(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        page.get_by_label("Search").fill("berlin")
        page.get_by_label("Search").press("Enter")
        expect(page.get_by_role("status")).to_have_text("2 targets.")
        page.get_by_role("link", name=re.compile("in total")).click()
        expect(page.get_by_role("status")).to_have_text("122 targets, 1 to 100 shown.")
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_role("status")).to_have_text("122 targets, 101 to 122 shown.")
        page.locator("#state").select_option("down")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("tbody tr")).to_have_count(1)


def test_tiles_reasons_labels_and_headings_filter_and_sort(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        chosen = page.locator(".counts [aria-current]")
        expect(chosen).to_have_text("122 in total")
        plain = page.locator(".counts .up a").evaluate("(a) => getComputedStyle(a).backgroundColor")
        page.locator(".counts .up a").click()
        expect(chosen).to_have_text("121 up")
        assert chosen.evaluate("(a) => getComputedStyle(a).backgroundColor") != plain
        page.locator(".reasons").get_by_role("link", name="http_503").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        page.locator("tbody").get_by_role("link", name="site=berlin").click()
        page.locator(".chosen").get_by_role("link", name="http_503").click()
        expect(page.locator("tbody .state")).to_have_text(["down", "up"])
        heading = page.get_by_role("columnheader", name="Target")
        heading.get_by_role("link").click()
        expect(page.locator("tbody th")).to_have_text([re.compile("^idle"), re.compile("^lab")])
        heading.get_by_role("link").click()
        expect(page.locator("tbody th")).to_have_text([re.compile("^lab"), re.compile("^idle")])
        expect(heading).to_have_attribute("aria-sort", "descending")
        page.get_by_role("link", name="What is wrong").click()
        expect(page.locator(".group")).to_have_text(
            [re.compile("http_503 The service"), "not down "]
        )


def test_maintenance_is_neither_green_nor_red(browser: Browser, address: str) -> None:
    colour = "(one) => getComputedStyle(one).color"
    with opened(browser, f"{address}/?sort=name&limit=3") as page:
        expect(page.locator("tbody th a:first-child")).to_have_text(["idle", "lab", "ucs-000"])
        colours = [one.evaluate(colour) for one in page.locator("tbody .state").all()]
        mode = page.locator("tbody [data-label=Mode]").first

        assert len(set(colours)) == 3
        assert mode.inner_text() == "maintenance"
        assert mode.evaluate(colour) == colours[0]


def test_on_a_phone_values_fit_and_have_labels(browser: Browser, address: str) -> None:
    fits = "document.documentElement.scrollWidth <= 390"
    with opened(browser, f"{address}/target?name=ucs-001", width=390) as page:
        expect(page.get_by_role("columnheader", name="Metric")).to_have_count(1)
        right = page.evaluate(
            "Math.max(...[...document.querySelectorAll('main *')]"
            ".map((one) => one.getBoundingClientRect().right))"
        )

        assert page.evaluate(fits)
        assert right <= 390
    with opened(browser, address, width=390) as page:
        took = page.locator("[data-label=Took]").first
        expect(took).to_be_visible()

        assert page.evaluate(fits)
        label = took.evaluate("(one) => getComputedStyle(one, '::before').content")
        assert label.startswith('"Took')


def test_values_have_units_and_times_are_local(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/target?name=ucs-001") as page:
        row = page.get_by_role("row").filter(has_text="genesys_ucs_jvm_memory_used_bytes")
        expect(row).to_contain_text("86.8 MiB")
        expect(row).to_contain_text("91017216")
        success = page.locator("time.moment").first
        expect(success).to_contain_text("GMT+5:30")
        expect(success).to_have_attribute("title", re.compile(" UTC$"))
        expect(page.get_by_text(re.compile(r"^GET http://.*/server/status$"))).to_be_visible()


def test_an_error_page_links_to_the_list(browser: Browser, address: str) -> None:
    page = browser.new_page()
    for path in ("/target?name=nothing", "/nothing"):
        page.goto(f"{address}{path}")
        expect(page.get_by_role("alert")).to_contain_text("there is no")
        page.get_by_role("link", name="Show all targets").click()
        expect(page.get_by_role("heading", name="Targets")).to_be_visible()
    page.close()


def test_the_page_follows_a_target_down_and_up(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/?search=ucs-007") as page:
        state = page.locator("tbody .state")
        expect(state).to_have_text("up")
        page.evaluate("window.kept = true")
        Vendor.status = 500
        try:
            expect(state).to_have_text("down")
            expect(page.locator(".why")).to_contain_text("http_5xx")
        finally:
            Vendor.status = 200
        expect(state).to_have_text("up")
        # The page was not reloaded.
        assert page.evaluate("window.kept")


def test_a_refresh_keeps_focus_scrolling_and_typing(browser: Browser, address: str) -> None:
    with opened(browser, address, height=400) as page:
        page.get_by_label("Search").fill("half a wor")
        page.evaluate("scrollTo(0, 600)")
        link = page.get_by_role("link", name="ucs-050")
        link.focus()
        scrolled = page.evaluate("scrollY")
        # A refresh replaces the element.
        link.evaluate("(link) => { link.dataset.before = '' }")
        expect(page.locator("[data-before]")).to_have_count(0)
        expect(page.get_by_role("link", name="ucs-050")).to_be_focused()

        assert page.get_by_label("Search").input_value() == "half a wor"
        assert page.evaluate("scrollY") == scrolled


def test_keyboard_and_screen_readers_reach_everything(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/?search=lab") as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        heard = page.locator("body").aria_snapshot()
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "lab":
                break
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("lab")
        expect(page.get_by_role("alert")).to_contain_text("http_503")
        expect(page.get_by_role("img", name=re.compile("The last .* polls"))).to_be_visible()

    for words in ("banner", "main", "search", 'searchbox "Search"', "columnheader", "rowheader"):
        assert words in heard
    assert re.search(r'table "Targets, down first"', heard)


def test_a_page_shows_that_the_exporter_does_not_respond(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.route("**/*", lambda route: route.abort())
    expect(page.locator("main.halted")).to_be_visible()
    page.unroute_all()
    expect(page.locator("main:not(.halted)")).to_be_visible()
    context.close()


def test_the_page_of_a_removed_target_becomes_an_error_page(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/target?name=ucs-002")
    page.route("**/target*", lambda route: route.continue_(url=f"{address}/target?name=gone"))
    expect(page.get_by_role("alert")).to_contain_text("there is no target")
    page.close()


def test_without_a_script_the_page_is_complete(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/target?name=ucs-001")
    expect(page.get_by_role("heading", name="Values")).to_be_visible()
    expect(page.locator("time.moment").first).to_contain_text(" UTC")
    assert page.locator("noscript").count() == 1
    page.goto(f"{address}/?label=site%3Dberlin")
    page.get_by_role("columnheader", name="Target").get_by_role("link").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    context.close()
