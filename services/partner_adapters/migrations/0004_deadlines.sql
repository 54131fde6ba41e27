-- What may still become overdue or expire: nothing that is final.
ALTER TABLE partner_adapters.referrals
    ADD COLUMN is_final boolean NOT NULL DEFAULT false,
    -- When people were told that the agency has not acknowledged in time.
    ADD COLUMN overdue_since timestamptz;
UPDATE partner_adapters.referrals SET is_final = true
WHERE status IN ('resolved', 'refused', 'withdrawn', 'expired');
CREATE INDEX referrals_open ON partner_adapters.referrals (partner_id, issued_at) WHERE NOT is_final;
