"""Paid services: what a plan contains, what a domain has of it, connecting and disconnecting [SVC]."""

from billing.services import fees as fees  # whoever imports a part of it has its recurring fees
from billing.services import renewals as renewals
