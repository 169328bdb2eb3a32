-- Card payments [FIN-D15]. A payment is pending until the gateway's signed news settles it; only then it has a posting.
ALTER TABLE payment ADD CONSTRAINT payment_state CHECK (
    state IN ('pending', 'succeeded', 'failed', 'cancelled', 'refunded', 'disputed')
    AND (kind = 'card' OR state = 'succeeded'));
ALTER TABLE payment ADD CONSTRAINT payment_of_domain UNIQUE (domain_id, id);

-- A domain enters promised payments, and card payments that nobody has paid yet; it settles none.
DROP POLICY promised_only ON payment;
CREATE POLICY entered_by_domain ON payment AS RESTRICTIVE FOR INSERT TO switchroom_app
    WITH CHECK (kind = 'promised' OR (kind = 'card' AND state = 'pending' AND posting_id IS NULL));

CREATE TABLE card_payment (
    payment_id     bigint PRIMARY KEY,
    domain_id      bigint NOT NULL,
    way            text NOT NULL CHECK (way IN ('checkout', 'auto')),
    wants_saving   boolean NOT NULL DEFAULT false,  -- the card is to be kept once it has paid
    customer_id    text NOT NULL DEFAULT '',        -- at the gateway, as it was when the payment began
    method_id      text NOT NULL DEFAULT '',        -- the saved card that is charged (automatic top-up)
    session_id     text UNIQUE,
    intent_id      text UNIQUE,
    started_at     timestamptz NOT NULL,
    asked_at       timestamptz,                     -- the gateway was last asked about it
    reason         text NOT NULL DEFAULT '',        -- the gateway's code of a failure
    refunded_seen  numeric(18, 2) NOT NULL DEFAULT 0,  -- most that the charge itself was seen to have given back
    returned       numeric(18, 2) NOT NULL DEFAULT 0,  -- posted back so far
    return_count   int NOT NULL DEFAULT 0,
    FOREIGN KEY (domain_id, payment_id) REFERENCES payment (domain_id, id)
);
CREATE INDEX card_payment_domain ON card_payment (domain_id, payment_id DESC);
CREATE INDEX payment_pending ON payment (at) WHERE state = 'pending';
CREATE INDEX card_payment_saving ON card_payment (payment_id) WHERE wants_saving;
CALL make_tenant_table('card_payment', 'SELECT, INSERT');
GRANT UPDATE ON card_payment TO switchroom_platform;
CREATE POLICY nothing_happened_yet ON card_payment AS RESTRICTIVE FOR INSERT TO switchroom_app
    WITH CHECK (session_id IS NULL AND intent_id IS NULL AND refunded_seen = 0 AND returned = 0 AND return_count = 0);

-- Refunds and disputes by the gateway's id; undone: a failed refund, a dispute that was won.
CREATE TABLE card_return (
    gateway_id  text PRIMARY KEY,
    domain_id   bigint NOT NULL,
    payment_id  bigint NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('refund', 'dispute')),
    amount      numeric(18, 2) NOT NULL CHECK (amount > 0),
    is_undone   boolean NOT NULL DEFAULT false,
    FOREIGN KEY (domain_id, payment_id) REFERENCES payment (domain_id, id)
);
CREATE INDEX card_return_payment ON card_return (domain_id, payment_id);
CALL make_tenant_table('card_return', 'SELECT');
GRANT INSERT, UPDATE ON card_return TO switchroom_platform;

-- What a domain keeps for its payments: the gateway's references, never a card number; and the automatic top-up.
CREATE TABLE card_account (
    domain_id      bigint PRIMARY KEY REFERENCES domain,
    customer_id    text NOT NULL DEFAULT '',
    method_id      text NOT NULL DEFAULT '',  -- '': no saved card
    brand          text NOT NULL DEFAULT '',
    last4          text NOT NULL DEFAULT '' CHECK (last4 ~ '^([0-9]{4})?$'),
    exp_month      int,
    exp_year       int,
    auto_amount    numeric(18, 2) CHECK (auto_amount > 0),
    auto_failures  int NOT NULL DEFAULT 0,
    detach         text[] NOT NULL DEFAULT '{}'  -- removed here, to be removed at the gateway
);
CREATE INDEX card_account_detach ON card_account (domain_id) WHERE detach <> '{}';
CALL make_tenant_table('card_account', 'SELECT, INSERT, UPDATE');

-- The balance below which the saved card is charged; null: the automatic top-up is off.
ALTER TABLE account ADD COLUMN auto_topup_below numeric(18, 2);
