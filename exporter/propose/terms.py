"""The words of an answer's keys, and tables of the terms that say something about a value."""

import re
import unicodedata

Words = tuple[str, ...]

MAX_WORD = 40
"""Letters kept of one word of a key."""

_CLASS_NAME = re.compile(r"(?:[a-z_]{1,60}\.){2,8}[A-Z]\w{0,100}", re.ASCII)
_BINARY_UNIT = re.compile(r"(?<![A-Z])([KMGT])iB")
_ACRONYM = re.compile(r"([A-Z]+)([A-Z][a-z])")
_CAMEL = re.compile(r"([a-z0-9])([A-Z])")
_OTHER = re.compile(r"[^A-Za-z0-9]+")


def words_of(key: str) -> Words:
    """Split a key into lower-case words: `heapUsed`, `heap-used` and `Heap used` are alike.

    Of the name of a class with its packages, only the class remains.
    """
    if _CLASS_NAME.fullmatch(key):
        key = key.rpartition(".")[2]
    text = unicodedata.normalize("NFKD", key[:200]).encode("ascii", "ignore").decode()
    text = text.replace("(s)", "s").replace("%", " percent ")
    text = _BINARY_UNIT.sub(r"_\1ib", text).replace("kB", "_kb").replace("IPv", "Ipv")
    text = _CAMEL.sub(r"\1_\2", _ACRONYM.sub(r"\1_\2", text))
    return tuple(word[:MAX_WORD].lower() for word in _OTHER.split(text) if word)


def is_plural(words: Words) -> bool:
    """Whether the last word names several things, so that its keys may be their names."""
    last = words[-1] if words else ""
    return (
        len(last) > len("gas")
        and last.endswith("s")
        and not last.endswith(("ss", "us", "is"))
        and last not in _NO_PLURAL
    )


def singular(words: Words) -> Words:
    """Name one of several things: `queues` is (queue,)."""
    if not is_plural(words):
        return words
    last = words[-1]
    if last in {"indices", "vertices"}:
        last = f"{last[:-4]}ex"
    elif last.endswith("ies") and len(last) > len("ties"):
        last = f"{last[:-3]}y"
    elif last.endswith(("sses", "xes", "ches", "shes")):
        last = last[:-2]
    else:
        last = last[:-1]
    return (*words[:-1], last)


def terms(text: str) -> frozenset[str]:
    """Make a set of the blank-separated terms."""
    return frozenset(text.split())


_NO_PLURAL = terms(
    "details dns features gps https metrics options os params properties qos settings statistics stats"
    " sms tls totals vms"
)

NOISE = terms("attributes data details items payload response result results value values")
"""Words of containers that say nothing in a metric's name."""

UNITS = {
    "byte": ("bytes", None, None),
    "bytes": ("bytes", None, None),
    "octets": ("bytes", None, None),
    "kb": ("bytes", "kibibytes", None),
    "kib": ("bytes", "kibibytes", None),
    "kbytes": ("bytes", "kibibytes", None),
    "kilobytes": ("bytes", "kibibytes", None),
    "kibibytes": ("bytes", "kibibytes", None),
    "mb": ("bytes", "mebibytes", None),
    "mib": ("bytes", "mebibytes", None),
    "mbytes": ("bytes", "mebibytes", None),
    "megabytes": ("bytes", "mebibytes", None),
    "mebibytes": ("bytes", "mebibytes", None),
    "gb": ("bytes", None, 1024**3),
    "gib": ("bytes", None, 1024**3),
    "gigabytes": ("bytes", None, 1024**3),
    "ns": ("seconds", "nanoseconds", None),
    "nsec": ("seconds", "nanoseconds", None),
    "nanos": ("seconds", "nanoseconds", None),
    "nanoseconds": ("seconds", "nanoseconds", None),
    "us": ("seconds", "microseconds", None),
    "usec": ("seconds", "microseconds", None),
    "micros": ("seconds", "microseconds", None),
    "microseconds": ("seconds", "microseconds", None),
    "ms": ("seconds", "milliseconds", None),
    "msec": ("seconds", "milliseconds", None),
    "msecs": ("seconds", "milliseconds", None),
    "millis": ("seconds", "milliseconds", None),
    "milliseconds": ("seconds", "milliseconds", None),
    "sec": ("seconds", None, None),
    "secs": ("seconds", None, None),
    "second": ("seconds", None, None),
    "seconds": ("seconds", None, None),
    "mins": ("seconds", None, 60),
    "minutes": ("seconds", None, 60),
    "hours": ("seconds", None, 3600),
    "days": ("seconds", None, 86400),
    "percent": ("ratio", "percent", None),
    "percentage": ("ratio", "percent", None),
    "perc": ("ratio", "percent", None),
    "pct": ("ratio", "percent", None),
    "ratio": ("ratio", None, None),
    "fraction": ("ratio", None, None),
    "celsius": ("celsius", None, None),
    "volts": ("volts", None, None),
    "volt": ("volts", None, None),
    "amps": ("amperes", None, None),
    "watts": ("watts", None, None),
    "hz": ("hertz", None, None),
    "hertz": ("hertz", None, None),
}
"""A unit in a key or after a number: the base unit, the reading, the factor (`scale`)."""

MEMORY = terms(
    "capacity disk filesystem heap memory mem memtotal memfree partition ram rss space storage swap"
)
"""Words that make a large whole number a count of bytes."""

TIME = terms(
    "accessed at began boot booted clock closed completed created creation date datetime ended epoch"
    " expires expiry finished generated last modified now queued requested seen since start started"
    " starttime stopped time timestamp ts until updated"
)
"""Words whose numbers may be points in time."""

TIME_SUFFIXES = terms("at date datetime epoch iso millis ms seconds time timestamp ts unix utc")
"""What a timestamp's name loses, since it ends in `_timestamp_seconds`."""

NO_TIME = terms("cpu duration elapsed response total wait")

AGES = terms("age elapsed uptime")
"""Durations that are nearly always in seconds."""

EVENTS = terms(
    "accepted accepts acked acknowledged aborts allocations asserts attempts calls changes checks collections collisions"
    " commits completed connects crashes crash created deadlocks deleted deletes delivered denied discarded discards"
    " drops dropped error errors evicted evictions exceptions executed expired exceptions failed"
    " failures failure fails frames gets handled hits inserted inserts interrupts logins lookups merges misses octets"
    " packets packet pkts processed published queries query read reads received redelivered rejected reloads request"
    " requests responses response restart restarts restarted retries returned rollbacks sent starts switches"
    " timeouts transactions transferred updated updates writes written"
)
"""Events and participles of events: what counts them only grows."""

STOCKS = terms(
    "active allocated assigned available average avg backlog behind cached capacity channels clients"
    " connections consumers containers cores cpus current delayed depth executors files flight free images"
    " indices idle initializing inflight keys lag last latency length level limit load max mean"
    " median members messages min nodes now open peak peers pending percentile pool present previous"
    " primaries progress queue queued queues ratio ready relocating rate remaining retained running"
    " sessions shards size slots streams subscribers tables targets tasks temperature threads"
    " threshold timeout unacked unacknowledged unassigned used users waiting workers zones"
)
"""Amounts at a time: what may fall, even if its key begins like a counter's."""

COUNTS = terms("count counts counter num since startup sum times today total")
"""Words that may follow or precede an event."""

DIRECTIONS = terms("in out read received recv rx sent transmitted tx written")
"""What follows or precedes the unit of an amount that was transferred."""

SECRET = terms(
    "apikey auth authorization bearer cookie credential credentials jwt passphrase passwd password private"
    " passcode pwd secret secrets sessionid sid sig signature token tokens"
)
"""Words that name a secret."""

SECRET_PAIRS = frozenset(
    {("api", "key"), ("access", "key"), ("license", "key"), ("session", "id"), ("x", "key")}
)
"""Words that name a secret together."""

IDENTIFIERS = terms("code guid id ids pid port serial uid uuid")

NO_IDENTIFIERS = terms("android avoid fluid grid hybrid invalid liquid rapid solid valid void")
"""Words that only end like an identifier."""

MESSAGES = terms("comment description detail details help message motd output reason text warning")
"""Keys of texts for people, which change too often for a label."""

FLAG_KEYS = terms("alive disabled enabled has healthy is locked online should")

VERSIONS = terms("build jsonrpc commit release revision tag version versions")

STATE_KEYS = terms(
    "color colour condition health lifecycle mode phase readiness result role severity state status"
)

NO_STATE_KEYS = terms("class description group hostname id kind label message name title type user")
"""Keys whose texts name things, even if a text looks like a state."""

FLAGS = terms("true false yes no on off enabled disabled")

NULLS = terms("- -- n/a na nan nil none null unknown undefined ? never")
"""Texts that mean a missing number, in lower case."""

ZERO_TIMES = terms("0001-01-01T00:00:00Z")
"""The zero of a date's type, which means that there is none."""

STATE_SETS = tuple(
    tuple(line.split())
    for line in (
        "up down out_of_service",
        "up down draining unavail checking unhealthy",
        "green yellow red",
        "online offline",
        "connected connecting disconnected",
        "production maintenance",
        "active inactive failed",
        "active suspended maintenance",
        "active standby",
        "running waiting",
        "running stopped starting stopping",
        "running paused restarting exited dead created removing",
        "running pending succeeded failed",
        "idle busy",
        "running idle flow",
        "healthy unhealthy starting",
        "healthy degraded unhealthy",
        "success failure unstable aborted not_built",
        "passed failed",
        "ok warning critical",
        "ok degraded error",
        "open closed half_open half-open",
        "primary secondary arbiter",
        "primary replica",
        "master slave",
        "leader follower candidate",
        "ready not_ready notready",
        "alive dead",
        "available unavailable draining",
        "normal alarm",
        "full half",
        "started stopped",
        "synced syncing",
    )
)
"""Sets of states that many systems share; the first that has all of a value's is proposed."""

NAME_KEYS = (
    "id",
    "name",
    "key",
    "hostname",
    "host",
    "address",
    "addr",
    "server",
    "label",
    "title",
    "path",
    "url",
    "uri",
    "device",
    "interface",
    "mountpoint",
    "uuid",
)
"""Keys that name an item, the best first; other keys that end in one of them come after."""

SCOPES = terms("namespace tenant vhost")
"""Keys within whose value names are unique."""

RESERVED_LABELS = terms("target system job instance le quantile reason state")
"""Labels of others: the exporter's, Prometheus' and, for `state`, those of `states`."""
