"""Voice queues of a node: whom a waiting caller is offered to, and what operators are doing [GRP-23…35, RPT 8.15]."""
