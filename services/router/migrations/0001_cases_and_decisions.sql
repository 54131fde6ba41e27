-- What the router remembers of a case, every decision it took, what it issued, and what waits.

CREATE TABLE router.cases (
    case_id           uuid PRIMARY KEY,
    -- What was asked: all NULL while only a withdrawal was heard of the case.
    reference         text,
    channel           text,
    site_id           text,
    language          text,
    taken_at          timestamptz,
    consent           jsonb,
    choices           jsonb,
    sealed            text,                             -- RequestContent
    decision_number   integer NOT NULL,                 -- the decision in force; 0: none yet
    excluded_partners jsonb NOT NULL,                   -- ids; they refused a need of this case
    withdrawn_at      timestamptz,
    CONSTRAINT cases_are_asked_or_withdrawn CHECK (sealed IS NOT NULL OR withdrawn_at IS NOT NULL),
    CONSTRAINT cases_are_asked_whole CHECK (num_nulls(
        reference, channel, site_id, taken_at, consent, choices, sealed) IN (0, 7))
);

-- Only ever added to: a decision that replaces another is a new row with the next number.
CREATE TABLE router.decisions (
    decision_id     uuid PRIMARY KEY,
    case_id         uuid NOT NULL REFERENCES router.cases ON DELETE CASCADE,
    decision_number integer NOT NULL,
    outcome         text NOT NULL CHECK (outcome IN ('route', 'triage', 'out_of_scope')),
    decided_at      timestamptz NOT NULL,
    decided_by      text NOT NULL,                      -- 'router' or an account
    model_version   text NOT NULL,
    reason          text NOT NULL,                      -- static words, never the visitor's
    urgent          boolean NOT NULL,
    danger          text,
    needs           jsonb NOT NULL,                     -- with spans and reasons, without text
    bodies          jsonb NOT NULL,
    suggestions     jsonb NOT NULL,                     -- partner ids beyond the consent
    UNIQUE (case_id, decision_number)
);

CREATE TABLE router.referrals (
    referral_id   uuid PRIMARY KEY,
    case_id       uuid NOT NULL REFERENCES router.cases ON DELETE CASCADE,
    decision_id   uuid NOT NULL REFERENCES router.decisions ON DELETE CASCADE,
    partner_id    text NOT NULL,
    unit_id       text,
    needs         jsonb NOT NULL,
    issued_at     timestamptz NOT NULL,
    ended_at      timestamptz,                          -- for the router; its status is elsewhere
    ended_because text CHECK (ended_because IN ('withdrawn', 'rerouted', 'returned')),
    CONSTRAINT referrals_end_for_a_reason CHECK ((ended_at IS NULL) = (ended_because IS NULL))
);
CREATE INDEX referrals_by_case ON router.referrals (case_id);

-- A person's decision waits here a moment before it is issued, so that it can be undone.
CREATE TABLE router.held_decisions (
    reroute_id  uuid PRIMARY KEY,
    case_id     uuid NOT NULL REFERENCES router.cases ON DELETE CASCADE,
    referral_id uuid,                                   -- what is recalled; NULL settles a triage
    partners    jsonb NOT NULL,                         -- ids, as the person chose them
    asked_by    text NOT NULL,
    asked_at    timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    trace       jsonb NOT NULL,
    state       text NOT NULL CHECK (state IN ('waiting', 'issued', 'cancelled')),
    settled_at  timestamptz,
    CONSTRAINT held_decisions_wait_or_are_settled CHECK (
        (state = 'waiting') = (settled_at IS NULL))
);
CREATE INDEX held_decisions_by_case ON router.held_decisions (case_id);
CREATE INDEX held_decisions_waiting ON router.held_decisions (due_at) WHERE state = 'waiting';

-- Our own copy of what partner_adapters says of each partner; the latest word holds.
CREATE TABLE router.partners (
    partner_id   text PRIMARY KEY,
    accepting    boolean NOT NULL,
    described    jsonb NOT NULL,                        -- PartnerDescribedV1
    described_at timestamptz NOT NULL
);
