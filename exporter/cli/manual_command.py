"""`manual`: writes the manual page, in the language of man(7), from the parser."""

from collections.abc import Iterator

from exporter import __version__
from exporter.cli.options import Arguments
from exporter.cli.outline import Option, outline
from exporter.cli.parser import make_parser

_EXIT = (
    ("0", "It is done."),
    ("1", "It failed."),
    ("2", "The command line or the configuration is wrong; every fault is reported."),
)
_FILES = (
    ("config.yaml", "The configuration, in the folder in which the program is started."),
    ("/etc/status-exporter/config.yaml", "The same, of the service and of the image."),
    ("/etc/default/status-exporter", "STATUS_EXPORTER_ARGS, further flags of the service."),
)
_SIGNALS = (
    ("SIGHUP", "Reloads the configuration; a faulty one changes nothing."),
    ("SIGTERM, SIGINT", "End the exporter. A second one ends it at once."),
)


def run(arguments: Arguments) -> int:
    """Run the command."""
    del arguments
    print("\n".join(_page()))
    return 0


def _page() -> Iterator[str]:
    parser = make_parser()
    yield f'.TH STATUS\\-EXPORTER 1 "" "status\\-exporter {__version__}"'
    yield ".SH NAME"
    yield r"status\-exporter \- polls vendor status endpoints and serves them to Prometheus"
    yield ".SH SYNOPSIS"
    yield r".B status\-exporter"
    yield r"[\fICOMMAND\fR] [\fIFLAGS\fR]"
    yield ".SH DESCRIPTION"
    yield _text(parser.description or "")
    yield _text(parser.epilog or "")
    yield ".SH COMMANDS"
    for command in outline(parser):
        yield f".SS {_text(command.name)}"
        yield f"{_text(command.summary)}."
        words = " ".join(rf"[\fI{_text(one.value)}\fR]" for one in command.words)
        yield ".PP"
        yield rf"\fBstatus\-exporter {_text(command.name)}\fR [\fIFLAGS\fR] {words}".rstrip()
        for group in command.groups:
            if group.title:
                yield f".PP\n{_text(group.title[:1].upper() + group.title[1:])}:"
            for option in group.options:
                yield from _entry(_heading(option), option.help)
    for title, entries in (("EXIT STATUS", _EXIT), ("SIGNALS", _SIGNALS), ("FILES", _FILES)):
        yield f".SH {title}"
        for term, about in entries:
            yield from _entry(rf"\fB{_text(term)}\fR", about)
    yield ".SH SEE ALSO"
    yield ".BR prometheus (1)"


def _heading(option: Option) -> str:
    names = ", ".join(rf"\fB{_text(one)}\fR" for one in option.flags)
    value = rf"\fI{_text(option.value)}\fR" if option.value else ""
    return f"{names} {value}".strip()


def _entry(heading: str, about: str) -> Iterator[str]:
    yield ".TP"
    yield heading
    yield _text(about[:1].upper() + about[1:])


def _text(text: str) -> str:
    """Escape what means something to man: backslashes, dashes, and a dot or quote at the start."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped
