-- How many an agency has not acknowledged in time is shown every few seconds. The status stays out
-- of the index: it changes with almost every update, which would then touch all indexes.
CREATE INDEX referrals_overdue ON partner_adapters.referrals (partner_id)
    WHERE overdue_since IS NOT NULL AND NOT is_final;
