"""Services of the seed catalogue, in words. A module that brings the section of one registers it anew [SVC-14].

Levels and prices are rows of the tariff plan; what is deleted at disconnection comes with the section.
"""

from __future__ import annotations

from app.kernel.i18n import lazy
from billing.services.catalogue import Descriptor, register
from tenants.users import operators

register(
    Descriptor(
        "base_fee", lazy("Monthly subscription fee"), lazy("The telephone system itself."),
        lazy("Extensions, internal calls, forwarding, voice mail, faxes and this cabinet."), "server",
        order=10),
    Descriptor(
        "fmc", lazy("Mobile workplaces (FMC)"),
        lazy("Landline and mobile numbers in one network with short internal numbers."),
        lazy("A mobile phone becomes an extension of the company: internal numbering and free internal calls wherever "
             "the employee is. It is connected for each number in the forwarding settings of a user."),
        "device-mobile", is_manual=True),
    Descriptor(
        "integration_api", lazy("Integration API"), lazy("Call data for your CRM and other systems."),
        lazy("Your system learns of calls while they ring, starts calls and reads the history and the recordings."),
        "plug", is_manual=True),
    Descriptor(
        operators.CONTACT_CENTRE, lazy("Virtual contact centre"),
        lazy("Queues of callers, VIP numbers and supervision for your operators."),
        lazy("Callers wait in queues and reach the right operator; numbers of important customers come first; a "
             "supervisor listens in and helps. It is paid by the number of operators."),
        "headset", is_manual=True, functions=frozenset({"CONTACT_CENTER", "CAMPAIGNS"}), deletes=operators.affected,
        on_disconnect=operators.end_all),
    Descriptor(
        "appeals", lazy("Citizen appeals"), lazy("Appeals are registered, answered in time and reported."),
        lazy("The contact centre registers every appeal with its subject and deadline, and shows what is overdue."),
        "ticket", is_manual=True, functions=frozenset({"APPEALS"})),
    Descriptor(
        "reminders", lazy("Appointment reminders"),
        lazy("A robot calls, reminds of an appointment and takes the answer."),
        lazy("Patients or customers are called before their appointment and confirm or cancel it by pressing a key; "
             "the reception desk sees the answers in a list."),
        "calendar", is_manual=True, functions=frozenset({"ROBOT_CALLS"})),
    Descriptor(
        "callback_widget", lazy("Callback widget"), lazy("Visitors of your site leave a request to be called back."),
        lazy("A button on your site connects a visitor with your employees at once or takes a message at any time of "
             "the day."),
        "phone-call", functions=frozenset({"CALL_ME"})),
    Descriptor(
        "crm", lazy("CRM integration"), lazy("Calls and customers in one window."),
        lazy("It switches on by itself when the integration is started in your CRM; every connected CRM is counted."),
        "link", functions=frozenset({"CRM"})),
)
