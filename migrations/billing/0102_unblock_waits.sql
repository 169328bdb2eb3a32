-- Money came in that covers the fees due of a blocked domain, but calls in progress hold a part of it: the end of a
-- call asks again [FIN-D3].
ALTER TABLE account ADD COLUMN unblock_waits boolean NOT NULL DEFAULT false;
