-- What operations need: who did what to which referral, since when a person must act, words that
-- people mapped, and how each partner's calls went in the last hour.

ALTER TABLE partner_adapters.partner_actions
    ADD COLUMN referral_id uuid,
    -- What exactly, in ids, counts and words of ours: {"delivery_id": …, "was_received": true}.
    ADD COLUMN details jsonb NOT NULL DEFAULT '{}',
    -- An action on many is one row, and one more per referral, which is a part of it.
    ADD COLUMN part_of bigint REFERENCES partner_adapters.partner_actions;
CREATE INDEX partner_actions_page ON partner_adapters.partner_actions (partner_id, id)
    WHERE part_of IS NULL;
CREATE INDEX partner_actions_referral_id ON partner_adapters.partner_actions (referral_id, id)
    WHERE referral_id IS NOT NULL;

-- Since when it is parked or uncertain; NULL also where a process of the version before parked it.
ALTER TABLE partner_adapters.deliveries ADD COLUMN stuck_since timestamptz;
UPDATE partner_adapters.deliveries d
SET stuck_since = coalesce((SELECT max(a.started_at) FROM partner_adapters.attempts a
                            WHERE a.delivery_id = d.delivery_id), d.scheduled_at)
WHERE d.state IN ('uncertain', 'parked');
CREATE VIEW partner_adapters.unfinished_deliveries AS
    SELECT d.delivery_id, d.referral_id, d.partner_id, d.what, d.state, d.reason, d.owner, d.due_at,
           d.failures, d.epoch, d.may_have_been_sent, d.scheduled_at, r.case_id, r.reference,
           CASE WHEN d.state IN ('uncertain', 'parked') THEN coalesce(d.stuck_since, d.scheduled_at)
                ELSE d.due_at END AS since
    FROM partner_adapters.deliveries d JOIN partner_adapters.referrals r USING (referral_id)
    WHERE d.state IN ('due', 'sending', 'uncertain', 'parked');

-- When the agency says that its present status began: of two that may follow each other both
-- ways, the one said later holds.
ALTER TABLE partner_adapters.referrals ADD COLUMN status_said_at timestamptz;

-- NULL for calls of the version before; none counts after an hour.
ALTER TABLE partner_adapters.attempts ADD COLUMN partner_id text;
-- Rows come in the order of their time: this index costs next to nothing.
CREATE INDEX attempts_started_at ON partner_adapters.attempts USING brin (started_at);

-- A word that is in no table of ours may be anything, a name too: it is kept as a keyed hash, to
-- be recognised, and sealed, to be read. Words of the tables stay in clear.
ALTER TABLE partner_adapters.seen_statuses
    ALTER COLUMN word DROP NOT NULL,
    ADD COLUMN word_key bytea,
    ADD COLUMN reason_key bytea,
    ADD COLUMN words_sealed text;
CREATE INDEX seen_statuses_unknown ON partner_adapters.seen_statuses (partner_id, referral_id)
    WHERE meaning = 'unknown_word';

-- Words that a person mapped, until the partner's file says them. `kind`: status or reason.
CREATE TABLE partner_adapters.mapped_words (
    partner_id text NOT NULL,
    kind text NOT NULL,
    word text NOT NULL,
    meaning text NOT NULL,
    mapped_by text NOT NULL,
    mapped_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, kind, word)
);
