"""A renderer that keeps what did not change shows the same as one that starts anew."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.declare.extraction import Extraction, Sample
from exporter.errors import PollError, Reason
from exporter.pipeline.render import Poll, Renderer, Tally
from exporter.systems import SYSTEMS
from support.polling import NOW, make_target

TARGET = make_target("mdworkbench")
# Few of each, so that the next poll often repeats some of the last one.
samples = st.builds(
    lambda family, text, value: Sample(
        family.name, tuple((label, text) for label in family.labels), value
    ),
    st.sampled_from(SYSTEMS["mdworkbench"].families),
    st.sampled_from(["active", "waiting", 'a"b\\c\nd']),
    st.sampled_from([0.0, 1.0, 2.5, 1e300]),
)
outcomes = st.lists(samples, max_size=6).map(
    lambda read: Extraction(tuple(read), ())
) | st.sampled_from(list(Reason)).map(lambda reason: PollError(reason, "why"))


@given(st.lists(st.tuples(outcomes, st.sampled_from([0.1, 0.25])), min_size=1, max_size=6))
def test_rendering_again_is_rendering_anew(
    polls: list[tuple[Extraction | PollError, float]],
) -> None:
    kept = Renderer(TARGET)
    for number, (outcome, duration) in enumerate(polls, 1):
        poll = Poll(outcome, duration, NOW, 0.0)
        tally = Tally(polls=number, failures={"tls": number // 2}, last_success=NOW)
        if number % 2 and isinstance(outcome, Extraction):
            kept.prepare(outcome)
        again, anew = kept.render(poll, tally), Renderer(TARGET).render(poll, tally)

        assert again.lines == anew.lines
        assert again.duplicates == anew.duplicates
        assert again.up == anew.up


def test_what_did_not_change_is_kept_as_it_is() -> None:
    renderer = Renderer(TARGET)
    read = Extraction((Sample("mdworkbench_resume_on_restart", (), 1.0),), ())
    before = renderer.render(Poll(read, 0.1, NOW, 0.0), Tally(polls=1))
    after = renderer.render(Poll(read, 0.1, NOW, 0.0), Tally(polls=2))
    families = len(TARGET.system.families)

    assert any(before.lines[:families])
    for one, other in zip(before.lines[:families], after.lines, strict=False):
        assert one is other


def test_what_was_prepared_and_not_rendered_counts_for_nothing() -> None:
    renderer = Renderer(TARGET)
    twice = (Sample("mdworkbench_resume_on_restart", (), 1.0),) * 2
    renderer.prepare(Extraction(twice, ()))
    shown = renderer.render(Poll(Extraction(twice[:1], ()), 0.1, NOW, 0.0), Tally(polls=1))

    assert shown.duplicates == 0
