"""Jobs of recognition on their way, and criteria [SPA-D1, SPA-D2]. Each step is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from app.audit import history
from app.kernel import files
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from app.modules.recording import service as recording
from app.modules.speech import rules
from app.modules.speech.rules import Criterion, Segment
from billing.services import service as services

MOST_TRIES = 3
LEASE = timedelta(minutes=25)  # longer than any recognition: its worker is gone
FIRST_WAIT = timedelta(seconds=20)  # the call's record comes after the recording
MOST_CRITERIA, MOST_PHRASES = 50, 50


@dataclass(frozen=True, slots=True)
class Job:
    """A recording to be recognised."""

    recording_id: int
    domain_id: int
    seconds: int
    language: str
    content: bytes


async def want(tx: DomainTx, recording_id: int, user_id: int) -> bool:
    """Called when a recording has come: a job if that user's conversations are analysed now [SPA-D1]."""
    row = await tx.fetchrow(
        "INSERT INTO speech_job (recording_id, domain_id, user_id, user_name, is_incoming, number, started_at, "
        "seconds, due_at) SELECT r.id, r.domain_id, u.id, u.display_name, false, '', r.started_at, r.seconds, $4 "
        "FROM call_recording r JOIN domain_user u ON u.domain_id = r.domain_id AND u.id = $3 AND u.analytics_on "
        "WHERE r.domain_id = $1 AND r.id = $2 ON CONFLICT DO NOTHING RETURNING recording_id",
        tx.domain_id, recording_id, user_id, tx.now + FIRST_WAIT)
    return row is not None


async def take(tx: PlatformTx) -> Job | None:
    """The next job that is due, or whose worker is gone; None when there is none."""
    row = await tx.fetchrow(
        "UPDATE speech_job j SET state = 'processing', tries = j.tries + 1, due_at = $2 FROM ("
        "SELECT recording_id FROM speech_job WHERE state IN ('queued', 'processing') AND due_at <= $1 "
        "ORDER BY due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) due, call_recording r, domain d "
        "WHERE j.recording_id = due.recording_id AND r.id = j.recording_id AND d.id = j.domain_id "
        "RETURNING j.recording_id, j.domain_id, j.seconds, d.locale, r.file_id, j.tries", tx.now, tx.now + LEASE)
    if row is None:
        return None
    bound = await tx.enter_domain(row["domain_id"])
    if row["tries"] > MOST_TRIES:
        await failed(bound, row["recording_id"], "its worker ended")
        return await take(tx)
    try:
        stored = await files.load(bound, row["file_id"])
    except NotFound:
        await failed(bound, row["recording_id"], "the recording is lost", last=True)
        return await take(tx)
    return Job(row["recording_id"], row["domain_id"], row["seconds"], row["locale"], stored.content)


async def failed(tx: DomainTx, recording_id: int, error: str, *, last: bool = False) -> None:
    """Again later, three times in all."""
    await tx.execute(
        "UPDATE speech_job SET state = CASE WHEN $4 OR tries >= $5 THEN 'failed' ELSE 'queued' END, error = $3, "
        "due_at = $6::timestamptz + make_interval(mins => 2 * tries * tries) WHERE domain_id = $1 "
        "AND recording_id = $2 AND state = 'processing'", tx.domain_id, recording_id, error[:300], last, MOST_TRIES,
        tx.now)


async def done(tx: DomainTx, recording_id: int, segments: Sequence[Segment], seconds: int) -> None:
    """Write the result; who the other side was is known by now from the user's journal. Cancelled jobs stay so."""
    known = await criteria(tx)
    passed = rules.fulfilled(known, segments)
    measures = rules.measure(segments, seconds)
    await tx.execute(
        "UPDATE speech_job j SET state = 'done', error = '', segments = $3, words = $4, talk_share = $5, "
        "user_share = $6, interruptions = $7, words_per_minute = $8, score = $9, fulfilled = $10, "
        "is_incoming = coalesce(c.is_incoming, j.is_incoming), number = coalesce(c.number, j.number) "
        "FROM call_recording r LEFT JOIN LATERAL (SELECT is_incoming, number FROM user_call u "
        "WHERE u.domain_id = r.domain_id AND u.node_id = r.node_id AND u.linkedid = r.linkedid "
        "AND u.user_id = (SELECT user_id FROM speech_job s WHERE s.domain_id = $1 AND s.recording_id = $2) "
        "ORDER BY left(u.part, 2) = 'r:' LIMIT 1) c ON true "
        "WHERE j.domain_id = $1 AND j.recording_id = $2 AND r.id = j.recording_id AND j.state = 'processing'",
        tx.domain_id, recording_id, [asdict(one) for one in segments], rules.as_words(segments), measures.talk_share,
        measures.user_share, measures.interruptions, measures.words_per_minute, rules.score(known, passed), passed)


# --- criteria -----------------------------------------------------------------------------------------


async def criteria(tx: DomainTx) -> list[Criterion]:
    rows = await tx.fetch("SELECT id, name, weight, wanted, unwanted FROM speech_criterion WHERE domain_id = $1 "
                          "ORDER BY lower(name), id", tx.domain_id)
    return [Criterion(row["id"], row["name"], row["weight"], tuple(row["wanted"]), tuple(row["unwanted"]))
            for row in rows]


def phrases(text: str) -> list[str]:
    """One in each line; what has no word in it is left out."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if rules.words_of(line)))


async def save_criterion(tx: DomainTx, criterion_id: int | None, *, name: str, weight: int, wanted: list[str],
                         unwanted: list[str]) -> None:
    """New conversations are scored by it; earlier scores stay.

    Raises:
        InvalidFields: a name that is taken, no phrase, or too many.
        NotFound: no such criterion here.
    """
    await services.scene(tx, lock=True)
    await services.require(tx, recording.SPEECH)
    known = await criteria(tx)
    old = next((one for one in known if one.id == criterion_id), None)
    if criterion_id is not None and old is None:
        raise NotFound("criterion", _("There is no such criterion."))
    if any(one.name.lower() == name.lower() and one.id != criterion_id for one in known):
        text = _("There is such a name already.")
        raise InvalidFields("name", text, fields={"name": text})
    if not wanted and not unwanted:
        text = _("Enter at least one phrase.")
        raise InvalidFields("wanted", text, fields={"wanted": text})
    if len(wanted) + len(unwanted) > MOST_PHRASES or (old is None and len(known) >= MOST_CRITERIA):
        text = _("At most %(n)s phrases and as many criteria are possible.") % {"n": MOST_PHRASES}
        raise InvalidFields("wanted", text, fields={"wanted": text})
    if old is None:
        criterion_id = await tx.fetchval(
            "INSERT INTO speech_criterion (domain_id, name, weight, wanted, unwanted) VALUES ($1, $2, $3, $4, $5) "
            "RETURNING id", tx.domain_id, name, weight, wanted, unwanted)
    else:
        await tx.execute("UPDATE speech_criterion SET name = $3, weight = $4, wanted = $5, unwanted = $6 "
                         "WHERE domain_id = $1 AND id = $2", tx.domain_id, criterion_id, name, weight, wanted, unwanted)
    before = (old.name, old.weight, ", ".join(old.wanted), ", ".join(old.unwanted)) if old else (None,) * 4
    after = (name, weight, ", ".join(wanted), ", ".join(unwanted))
    await history.record(tx, "speech_criterion_saved", "speech_criterion", object_id=criterion_id, object_name=name,
                         changes={key: (old_value, value) for key, old_value, value
                                  in zip(FIELDS, before, after, strict=True) if old_value != value})


FIELDS = ("name", "weight", "wanted_phrases", "unwanted_phrases")


async def delete_criterion(tx: DomainTx, criterion_id: int) -> None:
    """Raises NotFound."""
    name = await tx.fetchval("DELETE FROM speech_criterion WHERE domain_id = $1 AND id = $2 RETURNING name",
                             tx.domain_id, criterion_id)
    if name is None:
        raise NotFound("criterion", _("There is no such criterion."))
    await history.record(tx, "speech_criterion_deleted", "speech_criterion", object_id=criterion_id, object_name=name)
