-- Reports read group calls by their arrival, and post-call processing by group [RPT-10, RPT-49].
CREATE INDEX group_call_arrival ON group_call (domain_id, t_line, id);
CREATE INDEX operator_state_wrap_up ON operator_state_interval (domain_id, group_id, started_at) WHERE state = 'wrap_up';
