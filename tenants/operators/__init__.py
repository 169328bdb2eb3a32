"""Contact-centre operators at work: their states, and the page in which they work [RPT 8.15, chapter 03 screen 14]."""
