"""Virtual contact centre as a paid service; its sections are features of the domain (`tenants/`)."""
