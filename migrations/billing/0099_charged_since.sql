-- When a domain became commercial: what it had by then had not been paid for at a connection [ACC-D3, FIN-D3].
-- Null: it is in trial, or was commercial before this was kept.
ALTER TABLE account ADD COLUMN charged_since timestamptz;
