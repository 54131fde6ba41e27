-- The tables every service has, for what arrives, what leaves and what cannot be read.

-- Rows wait here for the relay and are deleted once Kafka has them.
CREATE TABLE {schema}.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    shard smallint NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    event_id uuid NOT NULL,
    headers jsonb NOT NULL,
    value bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (id)
);
-- A queue table is never the size its statistics say; vacuum it early.
ALTER TABLE {schema}.outbox SET (
    autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_insert_scale_factor = 0.0,
    autovacuum_vacuum_insert_threshold = 20000
);

-- Ids of the events already handled; older than the topics keep them, they are swept.
CREATE TABLE {schema}.inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (event_id, consumer)
);
CREATE INDEX inbox_seen_at ON {schema}.inbox USING brin (seen_at);

-- What could not be handled, kept as it came until a person replays or settles it.
CREATE TABLE {schema}.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    key bytea,
    headers jsonb NOT NULL,
    value bytea,
    error text NOT NULL,
    buried_at timestamptz NOT NULL,
    replayed_at timestamptz,
    replayed_by text,
    UNIQUE (consumer, topic, partition, "offset")
);

-- The first answer given under each idempotency key.
CREATE TABLE {schema}.idempotency_keys (
    principal text NOT NULL,
    key_hash bytea NOT NULL,
    body_hash bytea NOT NULL,
    status integer NOT NULL,
    answer text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (principal, key_hash)
);
CREATE INDEX idempotency_keys_created_at ON {schema}.idempotency_keys USING brin (created_at);
