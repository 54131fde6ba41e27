-- When a person last asked that a partner be called now: its breaker then lets one call through.
ALTER TABLE partner_adapters.partners ADD COLUMN retried_at timestamptz;
