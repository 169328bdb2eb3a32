"""What the demo makes instead of spoken messages is taken wherever a file may be uploaded."""

from __future__ import annotations

from app.modules.autodialler.rules import audio_problem
from app.runner.demo_sounds import chime
from tenants.sounds.convert import convert


def test_a_chime_is_a_voice_message() -> None:
    wav = chime((440.0, 880.0), 0.5)
    assert audio_problem(wav) == ""
    assert convert(wav, "wav").milliseconds == 1000
