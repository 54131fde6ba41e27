-- Those handed over together share it; a kind that hands over by file names the file after it.
-- It is of the last call that may have reached the partner.
ALTER TABLE partner_adapters.deliveries ADD COLUMN batch_id uuid;
