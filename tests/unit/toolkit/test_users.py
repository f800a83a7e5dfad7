"""Password checks: their results, their cache, and floods of guesses."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import bcrypt
import pytest

from exporter.toolkit import users as module
from exporter.toolkit.users import FairLock, Users, Verdict, credentials
from support.http_client import basic

WORK = bcrypt.checkpw


def hashed(password: str, cost: int = 4) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


ALICE = {"alice": hashed("wonderland")}
RIGHT = basic("alice", "wonderland")
CLIENT = "192.0.2.1"


class Counting:
    """Replaces the hash function: records its calls, and can be made to wait."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.at_once = 0
        self.most_at_once = 0

    def __call__(self, password: bytes, against: bytes) -> bool:
        self.asked.append(against)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.may_go_on.wait(60)
        self.at_once -= 1
        return WORK(password, against)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    counting = Counting()
    monkeypatch.setattr(bcrypt, "checkpw", counting)
    yield counting
    counting.may_go_on.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_result_is_cached(work: Counting) -> None:
    users = Users()
    headers = [RIGHT, basic("alice", "x"), basic("bob", "x")] * 5
    found = [await users.look_up(header, ALICE, CLIENT) for header in headers]

    assert found == [Verdict.RIGHT, Verdict.WRONG, Verdict.WRONG] * 5
    assert len(work.asked) == 3


async def test_concurrent_equal_checks_hash_once(work: Counting) -> None:
    users = Users()
    found = await asyncio.gather(*(users.look_up(RIGHT, ALICE, CLIENT) for _ in range(15)))

    assert found == [Verdict.RIGHT] * 15
    assert len(work.asked) == 1


async def test_a_malformed_header_is_not_hashed(work: Counting) -> None:
    users = Users()
    for header in ("", "Basic", "Basic ", "Basic !", "Bearer x", "Basic YWxpY2U=", "\udcff"):
        assert await users.look_up(header, ALICE, CLIENT) is Verdict.WRONG

    assert work.asked == []


async def test_an_unknown_user_costs_as_much_as_the_most_expensive_hash(work: Counting) -> None:
    users = Users()
    some = {"a": hashed("x", 4), "b": hashed("x", 6), "c": hashed("x", 5)}
    for name in (b"unknown", b"\xff"):
        assert (
            await users.look_up(basic(name.decode("latin-1"), "x"), some, CLIENT) is Verdict.WRONG
        )

    assert [against[:7] for against in work.asked] == [b"$2b$06$"] * 2


async def test_the_password_of_the_dummy_hash_is_no_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_DUMMY", ALICE["alice"][7:])
    users = Users()
    before = await users.look_up(RIGHT, ALICE, CLIENT)
    after = [await users.look_up(RIGHT, {"bob": hashed("x")}, CLIENT) for _ in range(2)]

    assert (before, after) == (Verdict.RIGHT, [Verdict.WRONG] * 2)


async def test_a_new_password_replaces_the_old_one() -> None:
    users = Users()
    new = {"alice": hashed("looking glass")}
    found = [
        await users.look_up(basic("alice", password), one, CLIENT)
        for one in (ALICE, new, ALICE)
        for password in ("wonderland", "looking glass")
    ]

    right, wrong = Verdict.RIGHT, Verdict.WRONG
    assert found == [right, wrong, wrong, right, right, wrong]


async def test_the_first_72_bytes_of_a_password_count() -> None:
    users = Users()
    long = {"alice": hashed("x" * 72)}
    found = [
        await users.look_up(basic("alice", "x" * size), long, CLIENT) for size in (71, 72, 73, 500)
    ]

    assert found == [Verdict.WRONG, *[Verdict.RIGHT] * 3]


async def test_a_flood_of_guesses_has_a_bounded_queue_and_delays_no_cached_scraper(
    work: Counting,
) -> None:
    users = Users()
    assert await users.look_up(RIGHT, ALICE, CLIENT) is Verdict.RIGHT
    work.may_go_on.clear()
    guesses = [
        asyncio.create_task(users.look_up(basic("alice", str(at)), ALICE, CLIENT))
        for at in range(50)
    ]
    await until(lambda: sum(one.done() for one in guesses) == 30)
    scrape = await users.look_up(RIGHT, ALICE, CLIENT)
    work.may_go_on.set()
    found = await asyncio.gather(*guesses)

    assert scrape is Verdict.RIGHT
    assert found.count(Verdict.BUSY) == 30
    assert found.count(Verdict.WRONG) == 20
    assert work.most_at_once == 1


async def test_guesses_of_one_client_do_not_keep_another_waiting(work: Counting) -> None:
    users = Users()
    work.may_go_on.clear()
    guesses = [
        asyncio.create_task(users.look_up(basic("alice", str(at)), ALICE, CLIENT))
        for at in range(50)
    ]
    await until(lambda: sum(one.done() for one in guesses) == 30)
    scrape = asyncio.create_task(users.look_up(RIGHT, ALICE, "192.0.2.2"))
    await asyncio.sleep(0)
    work.may_go_on.set()

    assert await scrape is Verdict.RIGHT
    # One guess was being checked, one had waited before the scraper came, one may have followed.
    assert len(work.asked) <= 4
    await asyncio.gather(*guesses)
    assert len(work.asked) == 21
    assert not users._waiting


async def test_clients_have_their_turns_one_after_the_other() -> None:
    lock, order = FairLock(), list[str]()

    async def take(client: str) -> None:
        async with lock.turn(client):
            order.append(client)
            await asyncio.sleep(0)

    await asyncio.gather(*(take(client) for client in "aaaabbc"))

    assert order == ["a", "a", "b", "c", "a", "b", "a"]


@pytest.mark.parametrize("has_its_turn", [False, True])
async def test_a_turn_that_is_given_up_goes_to_the_next(has_its_turn: bool) -> None:
    lock, order = FairLock(), list[str]()
    tasks = dict[str, asyncio.Task[None]]()

    async def take(client: str) -> None:
        async with lock.turn(client):
            order.append(client)
            await asyncio.sleep(0)
            if client == "a" and not has_its_turn:
                tasks["b"].cancel()
        if client == "a" and has_its_turn:
            tasks["b"].cancel()  # It has got its turn, and does not know yet.

    for client in "abc":
        tasks[client] = asyncio.create_task(take(client))
    async with asyncio.timeout(60):
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    assert order == ["a", "c"]
    assert not lock._is_held


async def test_the_cache_is_bounded_and_guesses_evict_no_success(
    work: Counting,
) -> None:
    users = Users()
    await users.look_up(RIGHT, ALICE, CLIENT)
    for at in range(150):
        await users.look_up(basic("alice", str(at)), ALICE, CLIENT)
    done = len(work.asked)
    await users.look_up(RIGHT, ALICE, CLIENT)

    assert len(work.asked) == done
    assert (len(users._right), len(users._wrong)) == (1, 100)
    assert not [one for one in (*users._right, *users._wrong) if b"wonderland" in one]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic("a", "b"), (b"a", b"b")),
        (basic("a", "b:c"), (b"a", b"b:c")),
        (basic("a", "b").upper().replace(basic("a", "b")[6:].upper(), "YTpi"), (b"a", b"b")),
        (basic("", ""), (b"", b"")),
        ("Basic YTpi ", None),
        ("Basic\tYTpi", None),
        ("Basic YTp", None),
    ],
)
def test_credentials_are_read_as_in_go(header: str, expected: tuple[bytes, bytes] | None) -> None:
    assert credentials(header) == expected
