-- A bulk move writes a thousand domains anew at once. With room on their pages the new versions stay beside the old
-- ones and no index learns of them: half the time, and no tail of index pages that split.
ALTER TABLE domain SET (fillfactor = 50);
