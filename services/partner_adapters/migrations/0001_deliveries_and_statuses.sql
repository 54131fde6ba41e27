-- What partner_adapters owns: the partners' state, referrals and their statuses, deliveries,
-- attempts, what partners said, and the inbox of those who work by portal.

CREATE TABLE partner_adapters.partners (
    partner_id text PRIMARY KEY,
    paused_at timestamptz,
    paused_by text,
    -- Where polling goes on; the partner's own opaque word.
    cursor text,
    -- The breaker as its loop last saw it, for people; the loop's memory decides.
    breaker text NOT NULL DEFAULT 'closed',
    breaker_since timestamptz,
    -- Why a person must act on the partner as a whole, and since when.
    needs_attention text,
    needs_attention_since timestamptz,
    -- What was last announced on partner-directory.
    described jsonb
);

-- Who paused, resumed and so on; only ever added to.
CREATE TABLE partner_adapters.partner_actions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id text NOT NULL,
    action text NOT NULL,
    account text NOT NULL,
    at timestamptz NOT NULL
);

-- The row is the lock of everything about one referral: whoever changes its status, its
-- deliveries or says something of it holds it.
CREATE TABLE partner_adapters.referrals (
    referral_id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    partner_id text NOT NULL,
    unit_id text,
    status text NOT NULL,
    -- How many things were said of it on case-updates.
    number integer NOT NULL DEFAULT 0,
    partner_reference text,
    needs_person boolean NOT NULL DEFAULT false,
    recalled_at timestamptz,
    reference text NOT NULL,
    channel text NOT NULL,
    language text,
    urgent boolean NOT NULL,
    taken_at timestamptz NOT NULL,
    issued_at timestamptz NOT NULL,
    demarches jsonb NOT NULL,
    trace jsonb NOT NULL,
    sealed text NOT NULL
);
CREATE INDEX referrals_case_id ON partner_adapters.referrals (case_id);

-- One thing to hand over; `position` orders those of one referral.
CREATE TABLE partner_adapters.deliveries (
    delivery_id uuid PRIMARY KEY,
    referral_id uuid NOT NULL REFERENCES partner_adapters.referrals ON DELETE CASCADE,
    partner_id text NOT NULL,
    what text NOT NULL,
    position smallint NOT NULL,
    state text NOT NULL,
    due_at timestamptz NOT NULL,
    -- Raised by each claim; an outcome is recorded only under the epoch it was claimed with.
    epoch integer NOT NULL DEFAULT 0,
    claimed_by text,
    sending_since timestamptz,
    -- Nobody can still be sending after this.
    claimed_until timestamptz,
    may_have_been_sent boolean NOT NULL DEFAULT false,
    failures smallint NOT NULL DEFAULT 0,
    first_failed_at timestamptz,
    -- Why it is parked, uncertain or waiting, in a static word; who must act when parked.
    reason text,
    owner text,
    happened_at timestamptz NOT NULL,
    sealed text,
    scheduled_at timestamptz NOT NULL,
    finished_at timestamptz,
    UNIQUE (referral_id, position)
);
-- Hot and small whatever the history: only what waits, is on its way, or needs a person.
CREATE INDEX deliveries_due ON partner_adapters.deliveries (partner_id, due_at)
    WHERE state = 'due';
CREATE INDEX deliveries_sending ON partner_adapters.deliveries (partner_id, claimed_until)
    WHERE state = 'sending';
CREATE INDEX deliveries_for_a_person ON partner_adapters.deliveries (partner_id, state)
    WHERE state IN ('uncertain', 'parked');
-- Every row is updated three times: leave room for it on the page, and vacuum early.
ALTER TABLE partner_adapters.deliveries SET (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000
);
ALTER TABLE partner_adapters.referrals SET (fillfactor = 80);

-- One row per call of a partner. `answer` is what it said: redacted, cut at 4 kB, sealed.
CREATE TABLE partner_adapters.attempts (
    delivery_id uuid NOT NULL REFERENCES partner_adapters.deliveries ON DELETE CASCADE,
    epoch integer NOT NULL,
    started_at timestamptz NOT NULL,
    -- NULL: the process ended before it could tell.
    duration_ms integer,
    outcome text NOT NULL,
    reason text,
    answer text,
    PRIMARY KEY (delivery_id, epoch)
);

-- Everything a partner said, once, whether it moved anything or not. `meaning`: moved, message,
-- kept (late or repeated), unknown_word, foreign (not a referral of that partner).
CREATE TABLE partner_adapters.seen_statuses (
    partner_id text NOT NULL,
    status_id text NOT NULL,
    referral_id uuid NOT NULL,
    word text NOT NULL,
    reason_word text,
    said_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    meaning text NOT NULL DEFAULT 'kept',
    sealed text,
    PRIMARY KEY (partner_id, status_id)
);
CREATE INDEX seen_statuses_referral_id ON partner_adapters.seen_statuses (referral_id);

-- What people at portal agencies work on.
CREATE TABLE partner_adapters.portal_inbox (
    referral_id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    partner_id text NOT NULL,
    unit_id text,
    received_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    sealed text NOT NULL
);
CREATE INDEX portal_inbox_page ON partner_adapters.portal_inbox (partner_id, received_at, referral_id);

CREATE TABLE partner_adapters.portal_messages (
    message_id uuid PRIMARY KEY,
    referral_id uuid NOT NULL REFERENCES partner_adapters.portal_inbox ON DELETE CASCADE,
    written_by text NOT NULL,
    at timestamptz NOT NULL,
    sealed text NOT NULL
);
CREATE INDEX portal_messages_referral_id ON partner_adapters.portal_messages (referral_id, at);
