-- What waits for a person, who holds it, and what people's decisions teach.

-- One row while the decision in force is to let a person decide. Small, whatever the history.
CREATE TABLE router.triage_items (
    case_id         uuid PRIMARY KEY REFERENCES router.cases ON DELETE CASCADE,
    site_id         text NOT NULL,
    urgency         smallint NOT NULL CHECK (urgency IN (0, 1, 2)), -- danger, urgent, neither
    opened_at       timestamptz NOT NULL,
    settling        boolean NOT NULL,                   -- a held decision may still be undone
    held_by         text,                               -- the account that is reading it
    held_until      timestamptz,
    CONSTRAINT triage_items_are_held_for_a_time CHECK ((held_by IS NULL) = (held_until IS NULL))
);
CREATE INDEX triage_items_in_order ON router.triage_items (urgency, opened_at, case_id)
    WHERE NOT settling;

ALTER TABLE router.held_decisions ADD COLUMN body_id text; -- the body outside that a person named

-- The agency's own words when it sent its share back; they are the visitor's as well.
ALTER TABLE router.referrals ADD COLUMN refusal_reason text;
ALTER TABLE router.referrals ADD COLUMN refusal_sealed text; -- WrittenContent

-- What a person or an agency said was right or wrong, with the text, masked and sealed.
CREATE TABLE router.labelled_examples (
    example_id    uuid PRIMARY KEY,
    case_id       uuid NOT NULL REFERENCES router.cases ON DELETE CASCADE,
    source        text NOT NULL CHECK (source IN ('preview', 'triage', 'reroute', 'refusal')),
    agencies      jsonb NOT NULL,                       -- right for the whole text; [] unknown
    not_agencies  jsonb NOT NULL,                       -- wrong
    reason        text NOT NULL,
    language      text,
    model_version text NOT NULL,                        -- that read the text before
    at            timestamptz NOT NULL,
    sealed        text NOT NULL                         -- MaskedText
);
CREATE INDEX labelled_examples_by_case ON router.labelled_examples (case_id);

-- Cases that wait already when this is applied.
INSERT INTO router.triage_items (case_id, site_id, urgency, opened_at, settling)
SELECT c.case_id, c.site_id,
    CASE WHEN d.danger IS NOT NULL THEN 0 WHEN d.urgent THEN 1 ELSE 2 END,
    d.decided_at,
    EXISTS (
        SELECT FROM router.held_decisions h
        WHERE h.case_id = c.case_id AND h.state = 'waiting' AND h.referral_id IS NULL)
FROM router.cases c
JOIN router.decisions d USING (case_id, decision_number)
WHERE d.outcome = 'triage' AND c.withdrawn_at IS NULL;
