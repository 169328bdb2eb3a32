"""Who recognises speech: an HTTP service of the installation, or nobody [SPA-D1].

`SPEECH_URL` names a service with the widespread form of `POST /v1/audio/transcriptions` (multipart: file, model,
language, response_format=verbose_json; the answer has `segments` of start, end and text). Each side of a conversation
is sent as a file of its own, so the service needs to tell nobody apart.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Awaitable, Callable, Sequence

import av
import httpx

from app.modules.speech.rules import OTHER, USER, Segment
from app.settings import settings

TIMEOUT_SECONDS = 600.0
RATE = 16_000  # what recognisers want
Recogniser = Callable[[bytes, str], Awaitable[Sequence[Segment]]]


class CannotRecognise(Exception):
    """The service refused or answered what cannot be read; the text goes into the job."""


def recogniser() -> Recogniser | None:
    """None where the installation has none: jobs wait and the page says so."""
    return recognise if settings().speech_url else None


async def recognise(recording: bytes, language: str) -> list[Segment]:
    """Segments of both sides in order of time.

    Raises:
        CannotRecognise: what came back is not what was asked for.
        httpx.HTTPError: the service is away.
    """
    found: list[Segment] = []
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        for speaker, sound in zip((USER, OTHER), await asyncio.to_thread(sides, recording), strict=False):
            found += await _one_side(client, sound, speaker, language)
    return sorted(found, key=lambda one: (one.start, one.speaker))


async def _one_side(client: httpx.AsyncClient, sound: bytes, speaker: int, language: str) -> list[Segment]:
    known = settings()
    answer = await client.post(
        f"{known.speech_url.rstrip('/')}/v1/audio/transcriptions",
        headers={"Authorization": f"Bearer {known.speech_key}"} if known.speech_key else {},
        data={"model": known.speech_model, "language": language, "response_format": "verbose_json"},
        files={"file": ("speech.wav", sound, "audio/wav")})
    if answer.status_code >= 500:
        answer.raise_for_status()
    if answer.status_code != 200:
        raise CannotRecognise(f"{answer.status_code} {answer.text[:200]}")
    try:
        rows = answer.json()["segments"]
        return [Segment(speaker, float(row["start"]), float(row["end"]), _kept(str(row["text"]))) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise CannotRecognise(f"unreadable answer: {error}"[:200]) from error


def _kept(text: str) -> str:
    """Without signs that no database keeps."""
    return text.replace("\x00", "").encode(errors="ignore").decode().strip()


def sides(recording: bytes) -> list[bytes]:
    """The channels of a recording as WAV files of 16 kHz: the user's first; one for a recording in mono."""
    with av.open(io.BytesIO(recording), "r") as source:
        stream = source.streams.audio[0]
        count = min(stream.codec_context.layout.nb_channels, 2)
        resampler = av.AudioResampler(format="s16p", layout="stereo" if count == 2 else "mono", rate=RATE)
        samples = [bytearray() for _ in range(count)]
        for frame in (*source.decode(stream), None):
            for part in resampler.resample(frame):
                for side, plane in zip(samples, part.planes, strict=True):
                    side += bytes(plane)[:part.samples * 2]
    return [_wav(side) for side in samples]


def _wav(samples: bytes | bytearray) -> bytes:
    output = io.BytesIO()
    with wave.open(output, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(samples)
    return output.getvalue()
