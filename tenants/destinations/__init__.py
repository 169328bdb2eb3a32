"""Where a call can be sent: one meaning for routing rules, voice scenarios, widgets and reminders [RTE-31, IVR-51]."""
