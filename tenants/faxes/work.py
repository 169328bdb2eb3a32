"""Steps of a fax between upload and its end, each one transaction: a crash between two leaves one to be done again.

Conversion is repeated when its worker is gone. An attempt to send is counted before the node dials; what came of
it the node keeps until it is written here, so that nothing is sent twice knowingly (`pbx_provisioning/agent/faxes.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.kernel import files, letters_of_faxes, parameters
from app.kernel.db import DomainTx, PlatformTx
from tenants.faxes.rules import next_attempt
from tenants.faxes.service import drop_source, note
