"""How the action history and the list of generations name what was done, in the reader's language."""

from __future__ import annotations

from app.kernel.i18n import lazy

ACTIONS = {
    "domain_created": lazy("Domain created"), "switched_to_commercial": lazy("Switched to commercial mode"),
    "block_started": lazy("Blocked"), "block_ended": lazy("Block lifted"),
    "scheme_changed": lazy("Billing scheme changed"), "credit_limit_changed": lazy("Credit limit changed"),
    "tariff_changed": lazy("Tariff changed"), "limits_changed": lazy("Limits changed"),
    "number_given": lazy("Number given"), "number_taken_back": lazy("Number taken back"),
    "number_changed": lazy("Number changed"), "user_created": lazy("User created"),
    "user_changed": lazy("User changed"), "user_deleted": lazy("User deleted"),
    "password_changed": lazy("Password changed"), "payment_recorded": lazy("Payment recorded"),
    "balance_corrected": lazy("Balance corrected"), "calls_rated": lazy("Calls without a rate charged"),
    "correction_requested": lazy("Correction asked for"), "correction_confirmed": lazy("Correction confirmed"),
    "correction_rejected": lazy("Correction rejected"), "correction_withdrawn": lazy("Correction withdrawn"),
    "bank_statement_loaded": lazy("Bank statement loaded"), "bank_statement_removed": lazy("Bank statement removed"),
    "books_acknowledged": lazy("Differences of the books acknowledged"),
    "promised_written_off": lazy("Promised payment debited"), "signed_in": lazy("Signed in"),
    "sign_in_failed": lazy("Sign-in failed"), "sign_in_locked": lazy("Sign-in locked after failed attempts"),
    "generation_pinned": lazy("Configuration held"), "generation_released": lazy("Configuration released"),
    "settings_changed": lazy("General settings changed"),
    "group_created": lazy("Group created"), "group_changed": lazy("Group changed"),
    "group_deleted": lazy("Group deleted"),
    "pickup_group_created": lazy("Pickup group created"), "pickup_group_changed": lazy("Pickup group changed"),
    "pickup_group_deleted": lazy("Pickup group deleted"),
    "released": lazy("Configuration released"), "retried": lazy("Tried again"),
    "fax_queued": lazy("Fax sent"), "fax_cancelled": lazy("Fax cancelled"),
    "contact_number_added": lazy("Contact number added"), "contact_number_changed": lazy("Editing"),
    "contact_number_switched": lazy("Number switched on or off"),
    "contact_number_deleted": lazy("Contact number deleted"),
    "audio_changed": lazy("Audio changed"), "card_payment_started": lazy("Card payment begun"),
    "card_payment_changed": lazy("State of a card payment changed"), "card_saved": lazy("Card saved"),
    "card_removed": lazy("Card removed"), "auto_topup_changed": lazy("Automatic top-up changed"),
    "service_connected": lazy("Service connected"), "service_disconnected": lazy("Service disconnected"),
    "channels_changed": lazy("Number of channels changed"),
    "api_settings_changed": lazy("API settings changed"),
    "api_addresses_changed": lazy("White list of the API changed"),
    "api_log_cleared": lazy("Log of the API cleared"),
    "api_limits_changed": lazy("Quotas of the API changed"), "crm_connected": lazy("CRM connected"),
    "crm_disconnected": lazy("CRM disconnected"), "crm_settings_changed": lazy("CRM settings changed"),
}
FIELDS = {
    "author": lazy("Asked for by"), "calls": lazy("Calls"), "documents": lazy("Documents"),
    "timezone": lazy("Time zone"), "locale": lazy("Language"), "notification_email": lazy("E-mail for notifications"),
    "balance_notice_on": lazy("Notify when the balance is below"),
    "balance_notice_below": lazy("Threshold of the balance"),
    "default_number": lazy("Default outgoing number"), "pickup_number": lazy("Pickup number"),
    "default_restriction": lazy("Outgoing restriction"), "ring_seconds": lazy("Ring time, s"),
    "ivr_errors": lazy("Number of input errors"), "ivr_timeout_seconds": lazy("Timeout, s"),
    "dtmf_transfer": lazy("Transfer of the call"), "dtmf_fax": lazy("Transfer to fax"),
    "dtmf_conference_add": lazy("Add to the conference"), "dtmf_hold": lazy("Hold and take off hold"),
    "dtmf_conference_remove": lazy("Remove from the conference"), "members": lazy("Members"),
    "display_name": lazy("Display name"), "extension": lazy("Extension"), "position": lazy("Job title"),
    "email": lazy("E-mail"), "login": lazy("Login"), "is_admin": lazy("Administrator"),
    "restriction": lazy("Restriction"), "outgoing_number_id": lazy("Outgoing number"),
    "is_default": lazy("Outgoing number of the domain"),
    "name": lazy("Name"), "company_name": lazy("Company"), "scheme": lazy("Billing scheme"),
    "credit_limit": lazy("Credit limit"), "tariff": lazy("Tariff"), "tariff_id": lazy("Tariff"),
    "mode": lazy("Mode"), "amount": lazy("Amount"), "reason": lazy("Why"), "kind": lazy("Kind"),
    "max_users": lazy("Users"), "number": lazy("Number"), "password": lazy("Password"), "document": lazy("Document"),
    "priority": lazy("Priority"), "is_enabled": lazy("Number is on"), "schedule": lazy("Schedule"),
    "notify_voicemail": lazy("E-mail notifications about voice messages"), "voicemail_on": lazy("Voicemail"),
    "voicemail_greeting_on": lazy("Voicemail greeting is on"), "audio_greeting": lazy("Voice greeting"),
    "audio_vm_greeting": lazy("Voicemail greeting"), "audio_ringback": lazy("Ringback melody"),
    "audio_hold": lazy("Hold melody"), "payment_state": lazy("State"), "card": lazy("Card"),
    "auto_topup": lazy("Automatic top-up"), "auto_topup_threshold": lazy("When the balance is below"),
    "auto_topup_amount": lazy("Top-up amount"), "channels": lazy("Channels"), "is_operator": lazy("Operator"),
    "external_address": lazy("External system address"), "api_is_on": lazy("Service status"),
    "external_certificate": lazy("Certificate of the external system"), "signing_key": lazy("Signing key"),
    "api_test_address": lazy("Address of test requests"), "api_test_seconds": lazy("Timeout of test requests, s"),
    "api_test_ssl": lazy("SSL of test requests"), "ip_address": lazy("IP address"),
    "api_call_events": lazy("Method call_events"), "api_get_number_info": lazy("Method get_number_info"),
    "api_history_file_completed": lazy("Method history_file_completed"),
    "api_limits": lazy("Quotas of the integration API"),
    "crm_account": lazy("CRM account"), "crm_scenario": lazy("Scenario"), "crm_mapping": lazy("Who is who in the CRM"),
    "crm_auto_leads": lazy("Automatic leads"), "crm_lines": lazy("Lines routed by the CRM"),
}
FIELDS |= {
    "algorithm": lazy("Call distribution algorithm"), "member": lazy("Member"), "topic": lazy("Topic"),
    "archived": lazy("In the archive"), "greeting_text": lazy("Text greeting"),
    "answer_seconds": lazy("Answer time, s"),
    "wrap_up_seconds": lazy("Post-call processing time, s"), "audio_vm": lazy("Voicemail greeting"),
    "average_talk_seconds": lazy("Average talk duration, s"), "queue_limit_seconds": lazy("Queue limit, s"),
    "external_url": lazy("URL for interaction with external systems"),
}
VALUES = {
    "algorithm:none": lazy("Not set"), "algorithm:all": lazy("To all users simultaneously"),
    "algorithm:acd_random": lazy("[ACD] To a random operator"),
    "algorithm:acd_longest_idle": lazy("[ACD] To the operator who has been free longest"),
    "algorithm:acd_least_occupied": lazy("[ACD] To the operator least occupied with talks"),
    "True": lazy("yes"), "False": lazy("no"),  # others as "field:value"
    "role:supervisor": lazy("Supervisor"), "role:subgroup_admin": lazy("Group administrator"),
    "mode:trial": lazy("Trial mode"), "mode:commercial": lazy("Commercial"),
    "scheme:prepaid": lazy("Prepaid"), "scheme:credit": lazy("Credit"), "scheme:unlimited": lazy("Unlimited"),
    "kind:financial": lazy("Financial block"), "kind:trial_expired": lazy("Trial is over"),
    "kind:administrative": lazy("Administrative block"),
    "locale:ru": lazy("Russian"), "locale:en": lazy("English"), "default_restriction:none": lazy("No restriction"),
    "default_restriction:no_international": lazy("No international calls"),
    "default_restriction:no_international_longdistance": lazy("No international and long-distance calls"),
    "default_restriction:internal_only": lazy("Internal calls only"),
    "restriction:none": lazy("No restriction"), "restriction:no_international": lazy("No international calls"),
    "restriction:no_international_longdistance": lazy("No international and long-distance calls"),
    "restriction:internal_only": lazy("Internal calls only"),
    "kind:main": lazy("SIP number"), "kind:landline": lazy("Landline phone"), "kind:mobile": lazy("Mobile phone"),
    "kind:sip": lazy("SIP address"), "kind:card": lazy("Bank card"),
    "payment_state:pending": lazy("Awaiting payment"), "payment_state:succeeded": lazy("Paid"),
    "payment_state:failed": lazy("Payment failed"), "payment_state:cancelled": lazy("Payment cancelled"),
    "payment_state:refunded": lazy("Payment refunded"), "payment_state:disputed": lazy("Payment disputed"),
    "reason:card_refund": lazy("Refund to the card"), "reason:card_dispute": lazy("Chargeback"),
}
ACTIONS |= {
    "guard_changed": lazy("Call protection changed"), "guard_refused": lazy("Call protection refused a call"),
    "guard_stopped": lazy("Paid calls stopped"), "guard_released": lazy("Paid calls resumed"),
    "guard_destination_new": lazy("First call to a country"),
    "guard_destination_confirmed": lazy("Destination confirmed"),
}
FIELDS |= {
    "daily_cap": lazy("Daily cap"), "max_daily_cap": lazy("Largest daily cap"),
    "guard_calls_per_minute": lazy("Paid calls per minute"), "guard_parallel_calls": lazy("Paid calls at once"),
    "guard_max_calls_per_minute": lazy("Most paid calls per minute"),
    "guard_international": lazy("International calls forbidden"),
    "guard_premium": lazy("Premium-rate numbers forbidden"),
    "guard_satellite": lazy("Satellite networks forbidden"), "guard_forbidden": lazy("Forbidden prefixes"),
    "guard_allowed": lazy("Exceptions"), "guard_provider_forbidden": lazy("Prefixes forbidden by the provider"),
    "guard_provider_allowed": lazy("Exceptions of the provider"),
    "guard_new_destination": lazy("First call to a country"),
    "guard_only_outside_hours": lazy("Only outside working hours"), "guard_work_days": lazy("Working days"),
    "guard_work_from": lazy("Work begins"), "guard_work_until": lazy("Work ends"),
    "guard_reason": lazy("Reason of the refusal"), "guard_prefix": lazy("Forbidden as"), "guard_stop": lazy("Why"),
    "guard_count": lazy("Refusals within 10 minutes"), "guard_destination": lazy("Destination"),
    "guard_waits": lazy("Waits for a confirmation"),
}
VALUES |= {
    "guard_stop:daily_cap": lazy("the daily cap is used up"), "guard_stop:repeated": lazy("many refusals"),
    "guard_reason:guard_cap": lazy("the daily cap does not cover it"),
    "guard_reason:guard_rate": lazy("too many paid calls within a minute"),
    "guard_reason:guard_parallel": lazy("too many paid calls at once"),
    "guard_reason:guard_forbidden": lazy("forbidden destination"),
    "guard_reason:guard_new": lazy("the destination is not confirmed"),
    "guard_prefix:international": lazy("International calls"), "guard_prefix:premium": lazy("Premium-rate numbers"),
    "guard_prefix:satellite": lazy("Satellite networks"), "guard_new_destination:off": lazy("nothing"),
    "guard_new_destination:alarm": lazy("a letter"),
    "guard_new_destination:block": lazy("letter, and refused until confirmed"),
}
ACTIONS |= {"device_added": lazy("Device added"), "device_changed": lazy("Device changed"),
            "device_removed": lazy("Device removed"), "device_settings_changed": lazy("Settings of devices changed")}
FIELDS |= {"serial_number": lazy("Serial number"), "device_user": lazy("User of the device"),
           "device_proxy": lazy("Proxy"), "device_backup_server": lazy("Backup SIP server")}
ACTIONS |= {"recording_switched": lazy("Call recording switched"),
            "recording_term_changed": lazy("Term of storage of recordings changed"),
            "speech_criterion_saved": lazy("Criterion of speech analytics saved"),
            "speech_criterion_deleted": lazy("Criterion of speech analytics deleted")}
FIELDS |= {"analytics_on": lazy("Speech analytics"), "wanted_phrases": lazy("Phrases that must occur"),
           "unwanted_phrases": lazy("Phrases that must not occur"), "weight": lazy("Weight"),
           "recording_on": lazy("Call recording"), "recording_months": lazy("Term of storage, months")}
OBJECTS = {
    "integration_api": lazy("Integration API"), "crm": lazy("Integration with CRM"),
    "device": lazy("Device"),
    "speech_criterion": lazy("Criterion of speech analytics"),
    "guard": lazy("Call protection"),
    "user": lazy("User"), "domain": lazy("Domain"), "number": lazy("Number"), "phone_number": lazy("Number"),
    "pool": lazy("Domain pool"), "subgroup": lazy("Group of domains"), "pool_admin": lazy("Pool administrator"),
    "staff": lazy("Member of staff"), "account": lazy("Account"), "payment": lazy("Payment"),
    "tariff": lazy("Tariff"), "trunk": lazy("Trunk"), "generation": lazy("Configuration"), "job": lazy("Job"),
    "settings": lazy("General settings"), "pickup_group": lazy("Pickup group"), "group": lazy("Call processing group"),
    "outbox_event": lazy("Event"), "mail": lazy("Letter"), "export": lazy("Export"), "fax": lazy("Fax"),
    "contact_number": lazy("Contact numbers"), "correction": lazy("Correction"),
    "bank_statement": lazy("Bank statement"), "books_run": lazy("Reconciliation"),
    "service": lazy("Service of the plan"),
}
ACTIONS |= {
    "pool_created": lazy("Pool created"), "pool_changed": lazy("Pool changed"), "pool_deleted": lazy("Pool deleted"),
    "domain_added_to_pool": lazy("Domain added to the pool"),
    "domain_removed_from_pool": lazy("Domain taken out of the pool"), "domain_renamed": lazy("Domain renamed"),
    "route_number_changed": lazy("Route number changed"), "domain_moved": lazy("Domain moved to a group"),
    "subgroup_created": lazy("Group created"), "subgroup_renamed": lazy("Group renamed"),
    "subgroup_deleted": lazy("Group deleted"), "pool_admin_created": lazy("Administrator created"),
    "pool_admin_changed": lazy("Administrator changed"), "pool_admin_deleted": lazy("Administrator deleted"),
    "profile_changed": lazy("Own profile changed"), "export_ordered": lazy("Export ordered"),
    "history_checked": lazy("History checked"), "draft_discarded": lazy("Draft of a tariff discarded"),
    "draft_created": lazy("Draft of a tariff made"), "draft_changed": lazy("Draft of a tariff changed"),
    "whatif_ordered": lazy("Tariff tried with past calls"),
    "tariff_created": lazy("Tariff created"), "tariff_published": lazy("Tariff published"),
    "rates_imported": lazy("Prices imported"), "numbers_imported": lazy("Numbers imported"),
    "trunk_created": lazy("Trunk created"), "trunk_changed": lazy("Trunk changed"),
    "trunk_deleted": lazy("Trunk deleted"), "job_repeated": lazy("Job repeated"),
    "event_repeated": lazy("Event repeated"), "mail_repeated": lazy("Letter sent again"),
}
FIELDS |= {
    "route_number": lazy("Route number"), "subgroup": lazy("Group"), "subgroups": lazy("Groups"),
    "pool": lazy("Domain pool"), "route_number_length": lazy("Length of a route number"),
    "dial_expression": lazy("How to dial"), "phone": lazy("Phone number"), "role": lazy("Role"),
    "is_active": lazy("Active"), "host": lazy("Host"), "port": lazy("Port"),
}

ACTIONS |= {
    "contact_created": lazy("Contact created"), "contact_changed": lazy("Contact changed"),
    "contact_deleted": lazy("Contact deleted"), "contacts_imported": lazy("Contacts imported"),
    "contact_group_created": lazy("Group of contacts created"),
    "contact_group_changed": lazy("Group of contacts renamed"),
    "contact_group_deleted": lazy("Group of contacts deleted"),
    "phonebook_renewed": lazy("New address of the phone's address book"),
}
FIELDS |= {"group": lazy("Group"), "speed_dial": lazy("Speed dial number"), "numbers": lazy("Numbers"),
           "names": lazy("Names"), "count": lazy("Number")}
OBJECTS |= {"contact": lazy("Contact"), "contact_group": lazy("Group of contacts")}

ACTIONS |= {
    "second_factor_on": lazy("Second factor set up"), "second_factor_off": lazy("Second factor turned off"),
    "second_factor_reset": lazy("Second factor reset"), "recovery_code_used": lazy("Recovery code used"),
    "recovery_codes_renewed": lazy("New recovery codes made"),
    "api_token_created": lazy("API token made"), "api_token_revoked": lazy("API token revoked"),
    "sign_in_notices_changed": lazy("Letters about sign-ins switched"),
}
FIELDS |= {"notify_sign_in": lazy("Letters about sign-ins"), "can_write": lazy("May change"), "days": lazy("Days")}
OBJECTS |= {"access_key": lazy("API token")}
ACTIONS |= {"provider_key_created": lazy("Key of the internal API made"),
            "provider_key_revoked": lazy("Key of the internal API revoked")}
FIELDS |= {"expires_at": lazy("Good until")}
OBJECTS |= {"provider_api_key": lazy("Key of the internal API")}

ACTIONS |= {
    "single_sign_on_changed": lazy("Single sign-on changed"),
    "single_sign_on_linked": lazy("Identifier for single sign-on given"),
    "single_sign_on_unlinked": lazy("Identifier for single sign-on removed"),
}
FIELDS |= {"issuer": lazy("Issuer"), "client_id": lazy("Client ID"), "client_secret": lazy("Client secret"),
           "match_by": lazy("How a person is recognised"), "is_enabled": lazy("Sign-in through the company"),
           "is_required": lazy("Plain users sign in only this way"), "subject": lazy("Identifier at the provider")}
OBJECTS |= {"single_sign_on": lazy("Single sign-on")}

ACTIONS |= {
    "domain_changed": lazy("Domain changed"), "parameter_changed": lazy("Parameter changed"),
    "letter_changed": lazy("Text of a letter changed"), "letter_reset": lazy("Built-in text of a letter restored"),
    "announcement_created": lazy("Announcement created"), "announcement_changed": lazy("Announcement changed"),
    "announcement_deleted": lazy("Announcement deleted"), "staff_created": lazy("Member of staff created"),
    "staff_changed": lazy("Member of staff changed"), "staff_locked": lazy("Member of staff locked"),
    "staff_unlocked": lazy("Member of staff unlocked"),
    "second_factor_reset": lazy("Second factor reset"),
}
FIELDS |= {
    "timezone": lazy("Time zone"), "country": lazy("Country"), "area_code": lazy("Area code"),
    "locale": lazy("Language"), "notification_email": lazy("Notification address"), "pbx_node_id": lazy("PBX node"),
    "max_paid_calls": lazy("Parallel paid calls"), "credit_max": lazy("Largest credit limit"), "value": lazy("Value"),
    "letter_subject": lazy("Subject"), "letter_body": lazy("Text"), "text_ru": lazy("Text in Russian"),
    "text_en": lazy("Text in English"), "starts_at": lazy("From"), "ends_at": lazy("To"),
}
VALUES |= {"role:administrator": lazy("Administrator"), "role:billing": lazy("Billing"),
           "role:support": lazy("Support, reads only")}
OBJECTS |= {"parameter": lazy("Parameter"), "letter": lazy("Letter"), "announcement": lazy("Announcement")}


ACTIONS |= {"tariff_requested": lazy("Another tariff asked for"),
            "tariff_request_closed": lazy("Request for a tariff closed")}
FIELDS |= {"excess_users": lazy("Users beyond the tariff"), "excess_seconds": lazy("Seconds beyond the package"),
           "excess_mgp": lazy("Beyond the minimum guaranteed payment")}

FIELDS |= {"version": lazy("Version"), "valid_from": lazy("In force from"), "rates": lazy("Rates"),
           "mgp": lazy("Minimum guaranteed payment"),
           "included_minutes": lazy("Minutes included per month"), "discount_percent": lazy("Discount"),
           "service": lazy("Service of the plan"), "level": lazy("Counted by"), "monthly": lazy("Per month"),
           "connection": lazy("Connection"), "cycle": lazy("The fee is charged"), "included": lazy("Without charge"),
           "first_on": lazy("First day"), "last_on": lazy("Last day")}
ACTIONS |= {
    "operator_message_sent": lazy("Message sent to operators"),
    "operator_message_deleted": lazy("Message to operators deleted"), "vip_number_created": lazy("VIP number added"),
    "vip_number_changed": lazy("VIP number changed"), "vip_number_deleted": lazy("VIP number deleted"),
    "supervision_begun": lazy("Joined an operator's conversation"),
    "supervision_changed": lazy("Way of joining a conversation changed"),
}
FIELDS |= {"comment": lazy("Comment"), "recipients": lazy("Recipients"), "supervision_mode": lazy("Mode"),
           "caller": lazy("Caller")}
VALUES |= {"supervision_mode:listen": lazy("Listening"), "supervision_mode:whisper": lazy("Help"),
           "supervision_mode:barge": lazy("Conference")}
OBJECTS |= {"operator_message": lazy("Message to operators"), "vip_number": lazy("VIP number"),
            "supervisor_session": lazy("Connection of a supervisor")}

ACTIONS |= {
    "dial_task_created": lazy("Auto-dialler task created"), "dial_task_changed": lazy("Auto-dialler task changed"),
    "dial_task_status": lazy("Status of an auto-dialler task changed"),
    "dial_numbers_loaded": lazy("Numbers of a task loaded"), "dial_numbers_cleared": lazy("Number list cleared"),
    "dial_number_deleted": lazy("Number of a task deleted"),
    "dial_number_stopped": lazy("Calling a number of a task stopped"),
    "dial_task_audio": lazy("Message of the auto-dialler changed"),
}
FIELDS |= {
    "dial_status": lazy("Status"), "dial_result": lazy("Result"), "dial_caller_number_id": lazy("Caller ID"),
    "dial_starts_at": lazy("Start date"), "dial_ends_at": lazy("End date"), "dial_timezone": lazy("Time zone"),
    "dial_schedule": lazy("Execution schedule"), "dial_email": lazy("E-mail for notifications"),
    "dial_attempts": lazy("Call attempts"), "dial_answer_seconds": lazy("Answer timeout, s"),
    "dial_retry_minutes": lazy("Wait before the next attempt, min"),
    "dial_success_seconds": lazy("Duration of a successful connection, s"),
    "dial_concurrency": lazy("Simultaneous calls"), "dial_audio_id": lazy("Voice message"),
}
VALUES |= {
    "dial_status:inactive": lazy("Task is inactive"), "dial_status:preparing": lazy("Preparing for work"),
    "dial_status:prep_error": lazy("Preparation failed"), "dial_status:active": lazy("Task is active"),
    "dial_status:running": lazy("Task is running"), "dial_status:stopped": lazy("Task is stopped"),
    "dial_status:completed": lazy("Task is completed"), "dial_status:deleted": lazy("Task is deleted"),
    "dial_result:not_started": lazy("Dialling not started"), "dial_result:in_progress": lazy("Dialling in progress"),
    "dial_result:failed": lazy("Dialling completed unsuccessfully"),
}
OBJECTS |= {"dial_task": lazy("Auto-dialler task"), "campaign": lazy("Outgoing campaign")}
ACTIONS |= {
    "campaign_created": lazy("Campaign created"), "campaign_changed": lazy("Campaign changed"),
    "campaign_switched": lazy("Campaign switched on or off"), "campaign_deleted": lazy("Campaign deleted"),
    "campaign_status_added": lazy("Call status added"), "campaign_status_deleted": lazy("Call status deleted"),
    "campaign_client_added": lazy("Client of a campaign added"),
    "campaign_client_changed": lazy("Client of a campaign changed"),
    "campaign_client_removed": lazy("Client of a campaign removed"),
    "campaign_client_returned": lazy("Client returned to the initial state"),
    "campaign_clients_imported": lazy("Clients of a campaign imported"),
    "campaign_cleared": lazy("Call list of a campaign cleared"),
}
FIELDS |= {
    "campaign_attempts": lazy("Call attempts"), "campaign_method": lazy("Dialling method"),
    "campaign_group_id": lazy("Call-handling group"), "campaign_max_talk_minutes": lazy("Max. talk time, min"),
    "campaign_info_url": lazy("Campaign information URL"), "campaign_starts_at": lazy("Start date and time"),
    "campaign_ends_at": lazy("End date and time"), "campaign_is_active": lazy("Active"),
    "campaign_status": lazy("Status"), "campaign_notes": lazy("Notes"),
}
VALUES |= {"campaign_method:sequential": lazy("Sequential"), "campaign_method:parallel": lazy("Parallel")}

ACTIONS |= {"ivr_created": lazy("Voice scenario created"), "ivr_changed": lazy("Voice scenario changed"),
            "ivr_deleted": lazy("Voice scenario deleted")}
FIELDS |= {"menu": lazy("Menu"), "branch": lazy("Reaction"), "digit": lazy("Digit"), "audio": lazy("Audio")}
OBJECTS |= {"ivr": lazy("Voice scenario")}


def reason(text: str) -> str:
    """"user_created ivanov" in words; a reason that is none of ours as it stands."""
    action, _space, about = text.partition(" ")
    return f"{ACTIONS[action]}: {about}".removesuffix(": ") if action in ACTIONS else text

ACTIONS |= {"widget_created": lazy("Site widget added"), "widget_changed": lazy("Site widget changed"),
            "widget_deleted": lazy("Site widget deleted")}
FIELDS |= {
    "widget_on": lazy("Status"), "widget_dist_type": lazy("Distribution type"), "widget_object": lazy("Object"),
    "widget_intensity": lazy("Intensity, s"), "widget_hours": lazy("Hours of the schedule"),
    "widget_captcha": lazy("CAPTCHA"), "widget_white": lazy("White list of numbers"),
    "widget_black": lazy("Black list of numbers"), "widget_domains": lazy("Domain names"),
    "widget_processed": lazy("Processed"), "widget_position": lazy("Button position"), "widget_fill": lazy("Fill"),
    "widget_offset_x": lazy("Horizontal offset"), "widget_offset_y": lazy("Vertical offset"),
    "widget_radius_modal": lazy("Corner radius of the window"),
    "widget_radius_fields": lazy("Corner radius of fields and button"),
    "widget_caption_size": lazy("Size of the caption"), "widget_caption_colour": lazy("Colour of the caption"),
    "widget_caption": lazy("Caption of the button in the window"), "widget_title": lazy("Title of the window"),
    "widget_greeting_open": lazy("Greeting in working hours"),
    "widget_greeting_closed": lazy("Greeting outside working hours"),
}
VALUES |= {"widget_on:True": lazy("Working"), "widget_on:False": lazy("Disabled"),
           "widget_dist_type:group": lazy("Group"), "widget_dist_type:user": lazy("User")}
OBJECTS |= {"widget": lazy("Site widget")}
ACTIONS |= {
    "routing_rule_added": lazy("Routing rule added"), "routing_rule_changed": lazy("Routing rule changed"),
    "routing_rule_deleted": lazy("Routing rule deleted"),
    "routing_rules_moved": lazy("Routing rules put in another order"),
    "routing_rules_copied": lazy("Routing rules copied"),
    "routing_target_gone": lazy("Target of a routing rule deleted"),
    "number_list_changed": lazy("List of callers changed"), "number_connected": lazy("Number connected"),
    "number_disconnected": lazy("Number disconnected"), "number_extended": lazy("Reserve of a number extended"),
    "number_booked": lazy("Number booked"), "number_unbooked": lazy("Booking of a number ended"),
    "number_priced": lazy("Price of a number changed"),
}
FIELDS |= {
    "target": lazy("Where calls go"), "rule_is_active": lazy("Rule is active"), "prefixes": lazy("Prefixes"),
    "order": lazy("Order of rules"), "rules": lazy("Routing rules"), "from_number": lazy("From the number"),
    "filter": lazy("List of callers"), "black_list": lazy("Black list"), "white_list": lazy("White list"),
    "buys_numbers": lazy("Purchase of numbers by the customer"), "hold_until": lazy("Until"),
    "connection_price": lazy("Connection cost"), "grade": lazy("Category"),
}
VALUES |= {
    "filter:off": lazy("no list"), "filter:blacklist": lazy("black list"), "filter:whitelist": lazy("white list"),
}

ACTIONS |= {
    "private_route_created": lazy("Private route created"), "private_route_changed": lazy("Private route changed"),
    "private_route_deleted": lazy("Private route deleted"),
    "private_route_switched": lazy("Private route switched on or off"),
    "private_route_peer_changed": lazy("Connection of a private route changed"),
    "private_route_group_gone": lazy("Group of a private route deleted"),
    "private_routes_moved": lazy("Private routes put in another order"),
    "private_lines_changed": lazy("Number of lines of private routes changed"),
}
FIELDS |= {
    "private_on": lazy("Status"), "private_expression": lazy("Expression for the called number"),
    "private_caller": lazy("Number substituted for a calling user of the domain"),
    "private_cut": lazy("Characters cut"),
    "private_restriction": lazy("Restriction of transit calls to the public network"),
    "private_from": lazy("Allow the line number from <From>"),
    "private_auth": lazy("Type of the header that takes the authorisation"),
    "private_history": lazy("Type of the forwarding history header"), "private_order": lazy("Order of routes"),
    "private_incoming": lazy("Incoming lines"), "private_outgoing": lazy("Outgoing lines"),
}
VALUES |= {
    "private_on:True": lazy("On"), "private_on:False": lazy("Off"),
    "private_caller:internal": lazy("The caller's internal number"),
    "private_caller:outgoing": lazy("The domain's outgoing number"),
    "private_restriction:none": lazy("Without restrictions"),
    "private_restriction:no_international": lazy("No international calls"),
    "private_restriction:no_international_longdistance": lazy("No international and long-distance calls"),
    "private_restriction:internal_only": lazy("Only colleagues in the office and in the cloud"),
    "private_auth:pai": "P-Asserted-Identity", "private_auth:rpid": "Remote-Party-ID", "private_auth:from": "From",
    "private_history:none": lazy("none"), "private_history:diversion": "Diversion",
    "private_history:history_info": "History-Info",
}
OBJECTS |= {"private_route": lazy("Private route")}
