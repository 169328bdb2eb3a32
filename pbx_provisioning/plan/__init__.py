"""What a domain's configuration is made of: plain values, read in one snapshot."""
